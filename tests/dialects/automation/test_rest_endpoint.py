"""The Automation API's endpoints: requests in, replies out, no socket."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.dialects.automation.rest_endpoint import (
    ApiSessionEndpoint,
    HelloEndpoint,
    RestSessionEndpoint,
)
from sessiongate.dialects.automation.rpc_endpoint import RpcEndpoint
from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.errors import UpstreamUnavailable
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.refusal_headers import CAP_RETRY
from sessiongate.rules.token import PERSON_PREFIX
from sessiongate.session import Caps
from tests.basic import basic
from tests.gate import APPLIANCE, Gate
from tests.http.both_ways import BothWays
from tests.http.requests import header, request

API = "/api/session"
REST = "/rest/com/vmware/cis/session"
RPC = "/api"
PASSWORD = "com.vmware.vapi.std.security.user_pass"
SESSION = "com.vmware.vapi.std.security.session_id"
SERVICE = "com.vmware.cis.session"


def endpoint_of(gate: Gate, path: str) -> Handler:
    if path == RPC:
        return RpcEndpoint(
            gate.sessions, gate.logins, gate.bearers, provider="local", appliance=APPLIANCE
        )
    face = ApiSessionEndpoint if path == API else RestSessionEndpoint
    return BothWays(face(gate.sessions, gate.logins, gate.bearers, provider="local"))


def rpc(operation: str = "create", security: object = None, **changes: Any) -> bytes:
    params = {"serviceId": SERVICE, "operationId": operation, "ctx": {"securityCtx": security}}
    call = {"jsonrpc": "2.0", "method": "invoke", "id": "1", "params": params}
    return json.dumps({**call, **changes}).encode()


def by_password(name: str, password: str) -> dict[str, str]:
    return {"schemeId": PASSWORD, "userName": name, "password": password}


def login(path: str, name: str = "bob", password: str = "bobbob") -> Request:
    """The request that logs somebody in at this endpoint."""
    if path == RPC:
        return request("POST", RPC, rpc("create", by_password(name, password)))
    return request("POST", path, authorization=basic(name, password))


def token_of(reply: Reply) -> str:
    body = json.loads(reply.body)
    if isinstance(body, dict):
        body = body["value"] if "value" in body else body["result"]["output"]["SECRET"]
    assert isinstance(body, str)
    return body


@pytest.mark.parametrize("path", [API, REST, RPC])
async def test_a_session_keeps_what_is_known_of_its_client(path: str, gate: Gate) -> None:
    asked = login(path)
    asked.headers.append(("user-agent", "an agent"))
    reply = await endpoint_of(gate, path)(asked)
    assert reply.status in (200, 201)
    [session] = [one async for one in gate.sessions.list()]
    assert (session.principal, session.user_agent, session.ip_address) == (
        "bob",
        "an agent",
        "192.0.2.7",
    )
    assert session.dialect == ("vapi-rpc" if path == RPC else "rest")


@pytest.mark.parametrize("path", [API, REST, RPC])
async def test_an_outage_is_no_refusal(path: str, gate: Gate) -> None:
    endpoint = endpoint_of(gate, path)
    token = token_of(await endpoint(login(path)))

    gate.identity.outage = True
    gate.store.away.add("use")
    verb, body = ("POST", rpc("get")) if path == RPC else ("GET", b"")
    for asked in (
        login(path, "ada", "adaada"),
        request(verb, path, body, vmware_api_session_id=token),
    ):
        reply = await endpoint(asked)
        assert b"SERVICE_UNAVAILABLE" in reply.body
        assert b"UNAUTHENTICATED" not in reply.body
        if path == RPC:
            assert reply.status == 200
        else:
            assert (reply.status, header(reply, "retry-after")) == (503, "5")


async def test_a_check_is_counted_and_refused_alike_in_both_ways(gate: Gate) -> None:
    endpoint = endpoint_of(gate, API)
    assert isinstance(endpoint, BothWays)
    token = token_of(await endpoint(login(API)))
    mine, other = {"vmware_api_session_id": token}, {"x_zerto_session": "another"}
    statuses = [
        (await endpoint(request("GET", API, b"", **headers))).status
        for headers in (
            mine,
            mine | {"authorization": basic("bob", "bobbob")},
            mine | {"authorization": basic("ada", "adaada")},
            mine | other,
            other,
            {"vmware_api_session_id": "unknown"},
            {"vmware_api_session_id": f"{PERSON_PREFIX}unknown"},
            {},
        )
    ]
    assert statuses == [200, 200, *[401] * 6]
    assert endpoint.nowait == len(statuses)
    [session] = [one async for one in gate.sessions.list()]
    assert session.call_count == 2 * 3, "whoever names another user has called all the same"
    signed = request("GET", API, b"", authorization="Bearer a.b.c", **mine)
    assert (await endpoint(signed)).status == 200
    assert endpoint.nowait == len(statuses), "a signature is waited for"


@pytest.mark.parametrize("path", [API, REST])
async def test_at_a_cap_the_client_hears_when_to_come_back(path: str, tmp_path: Path) -> None:
    endpoint = endpoint_of(Gate(tmp_path, caps=Caps(total=1)), path)
    assert (await endpoint(login(path))).status in (200, 201)
    full = await endpoint(login(path, "ada", "adaada"))
    assert (full.status, header(full, "retry-after")) == (503, str(CAP_RETRY))
    assert header(full, "set-cookie") is None


# Anything else

VERBS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS"]) | st.text(
    "ABCXYZ-", min_size=1, max_size=12
)
VALUES = st.one_of(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60),
    st.sampled_from(
        [
            basic("bob", "bobbob"),
            basic("bob", ""),
            basic("nobody", "x"),
            "Basic",
            "true",
            "vmware-api-session-id=a; vmware_soap_session=b",
            "vmware_soap_session",
            SERVICE,
        ]
    ),
)
NAMES = st.sampled_from(
    [
        "authorization",
        "cookie",
        "vmware-api-session-id",
        "x-zerto-session",
        "vmware-use-header-authn",
        "vapi-service",
        "vapi-operation",
        "user-agent",
    ]
)
QUERIES = st.sampled_from(["", "~action=get", "%7Eaction=get", "%", "a=b;~action=get"]) | st.text(
    max_size=30
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda operation, security, changes: rpc(operation, security, **changes),
        st.sampled_from(["create", "get", "delete", "list", ""]),
        st.sampled_from([by_password("bob", "bobbob"), by_password("bob", ""), {}, None])
        | st.dictionaries(
            st.sampled_from(["schemeId", "userName", "password", "sessionId"]),
            st.sampled_from([PASSWORD, SESSION, "bob", "bobbob"]) | JSON,
        ),
        st.dictionaries(st.sampled_from(["jsonrpc", "method", "id", "params"]), JSON, max_size=2),
    ),
)


def api_holds(reply: Reply) -> None:
    if reply.status in (200, 201):
        assert header(reply, "content-type") == "application/json"
        json.loads(reply.body)
    elif reply.status == 204:
        assert reply.body == b""
    else:
        assert set(json.loads(reply.body)) == {"error_type", "messages"}


def rest_holds(reply: Reply) -> None:
    if reply.status == 200:
        assert reply.body == b"" or set(json.loads(reply.body)) == {"value"}
    else:
        assert set(json.loads(reply.body)) == {"type", "value"}


def rpc_holds(reply: Reply) -> None:
    if reply.status == 405:
        api_holds(reply)
        return
    assert reply.status == 200
    answer = json.loads(reply.body)
    assert answer["jsonrpc"] == "2.0"
    assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    if "error" in answer:
        assert answer["error"]["code"] in (-32700, -32600, -32601, -32602, -31001)
    else:
        assert set(answer["result"]) in ({"output"}, {"error"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "holds"), [(API, api_holds), (REST, rest_holds), (RPC, rpc_holds)]
)
@given(VERBS, QUERIES, st.lists(st.tuples(NAMES, VALUES), max_size=4), BODIES)
def test_whatever_is_sent_gets_a_reply_of_the_dialect(
    path: str,
    holds: Callable[[Reply], None],
    verb: str,
    query: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    """Every reply has the dialect's shape, none is a 500, and a session opens by its token only."""

    async def story() -> None:
        with TemporaryDirectory() as folder:
            gate = Gate(Path(folder))
            asked = Request(verb, path, query, headers, body, "192.0.2.7", secure=True)
            reply = await endpoint_of(gate, path)(asked)
            holds(reply)
            assert reply.status in (200, 201, 204, 401, 403, 405)
            assert b"internal" not in reply.body.lower()
            opened = await gate.live()
            if opened:
                assert (opened, verb) == (["bob"], "POST")
                assert len(token_of(reply)) == 40

    asyncio.run(story())


class Upstream:
    """In the place of a gate: knows which releases it has, or does not."""

    name = "vc1"

    def __init__(self, *served: str) -> None:
        self.public = self
        self.served = served

    async def releases(self) -> tuple[str, ...]:
        if not self.served:
            raise UpstreamUnavailable("down")
        return self.served


async def test_hello_promises_no_more_than_the_upstream_has() -> None:
    wanted = b'{"api_releases":["9.1.0.0","8.0.2.0"]}'
    hello = request("POST", "/api/vcenter/system?action=hello", wanted)

    async def chosen(*served: str) -> tuple[int, Any]:
        gates = Gates({}, cast("VCenterGateway", Upstream(*served)))
        reply = await AtUpstreams(HelloEndpoint(gates), gates)(hello)
        return reply.status, json.loads(reply.body).get("api_release")

    assert await chosen("8.0.3.0", "8.0.2.0", "7.0.3.0") == (200, "8.0.2.0")
    assert await chosen("7.0.3.0") == (200, "")
    assert await chosen() == (503, None)
    for nobody in (None, Gates({}, None)):
        assert json.loads((await HelloEndpoint(nobody)(hello)).body) == {"api_release": "9.1.0.0"}
