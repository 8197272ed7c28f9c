"""`/api` and `/rest` where an upstream stands behind: what goes on, and what clients are told."""

from typing import Any, cast

import msgspec
import pytest

from sessiongate.dialects.automation import resources
from sessiongate.dialects.automation.relayed_endpoint import RelayedRestEndpoint
from sessiongate.dialects.automation.rpc_endpoint import RpcEndpoint
from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.errors import NoPermission, NotSupported, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.wire.http import Answer
from tests.gate import APPLIANCE, AT_VC1
from tests.gate import Gate as House

LIBRARY = "com.vmware.content.library"


class Upstream:
    """In the place of a gate: knows what it was asked."""

    name = "vc1"

    def __init__(self) -> None:
        self.automation = self
        self.url = "https://vc1.example"
        self.calls: list[tuple[str, dict[str, str], str, str]] = []
        self.answer: Answer | Exception = Answer(200, (("content-type", "application/json"),), b"1")

    async def call_rpc(self, session: Any, _: Any, __: Any, *, operation: str) -> Answer:
        assert (session.principal, operation) == ("ada", "")
        assert isinstance(self.answer, Answer)
        return self.answer

    async def call(
        self, session: Any, request: Any, headers: Any, *, operation: str, ours: str
    ) -> Answer:
        assert session.principal == "ada"
        request.require_read()
        self.calls.append((request.name, dict(headers), operation, ours))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Case:
    def __init__(self, house: House, face: resources.Face) -> None:
        self.house = house
        self.upstream = Upstream()
        self.gates = gates = Gates({"vc.example": cast("VCenterGateway", self.upstream)}, None)

        async def own(_: Request) -> Reply:
            return Reply(299)

        self.endpoint = RelayedRestEndpoint(own, gates, house.sessions, house.bearers, face)
        self.handler = AtUpstreams(self.endpoint, gates)

    async def ask(
        self,
        verb: str,
        path: str,
        *headers: tuple[str, str],
        query: str = "",
        body: bytes = b"",
        host: str = "vc.example",
    ) -> Reply:
        sent = [("host", host), *headers]
        return await self.handler(Request(verb, path, query, sent, body, "192.0.2.7", secure=True))

    async def token(self) -> str:
        return (await self.house.login("ada", AT_VC1)).token.reveal()


@pytest.fixture
def case(gate: House) -> Case:
    return Case(gate, resources.API)


async def test_a_call_goes_on_with_what_says_nothing_of_the_client(case: Case) -> None:
    token = await case.token()
    reply = await case.ask(
        "POST",
        "/api/vcenter/vm",
        ("vmware-api-session-id", token),
        ("vmware-use-header-authn", "true"),
        ("x-forwarded-for", "192.0.2.9"),
        ("x-http-method-override", "DELETE"),
        ("vapi-ctx-opid", "op-1"),
        ("accept-language", "de"),
        ("accept-language", "en"),
        body=b"{}",
    )
    assert (reply.status, reply.body) == (200, b"1")
    assert reply.headers == (("content-type", "application/json"), ("cache-control", "no-store"))
    ((name, headers, operation, ours),) = case.upstream.calls
    assert (name, operation, ours) == ("POST /api/vcenter/vm", "op-1", "https://vc.example")
    own = {"user-agent", "accept-encoding", "content-type"}
    assert headers.keys() == {"vapi-ctx-opid", "accept-language", *own}
    assert headers["accept-language"] == "de"
    assert headers["user-agent"].startswith("sessiongate/")
    assert headers["content-type"] == "application/json"


async def test_files_of_a_library_are_ours_to_send_on(case: Case) -> None:
    carrier = ("vmware-api-session-id", await case.token())
    body = b'{"uri": "https://vc1.example:443/cls/data/a/b"}'
    case.upstream.answer = Answer(200, (), body)
    said = await case.ask("GET", "/api/content/library/item/update-session/a/file", carrier)
    assert said.body == b'{"uri": "https://vc.example/cls/data/a/b"}'
    assert (await case.ask("GET", "/api/vcenter/vm", carrier)).body == body
    rpc = RpcEndpoint(
        case.house.sessions,
        case.house.logins,
        case.house.bearers,
        provider="local",
        appliance=APPLIANCE,
        gates=case.gates,
    )
    for service, shown in ((f"{LIBRARY}.item.updatesession.File", said.body), ("a.b.C", body)):
        params = {"serviceId": service, "operationId": "get", "input": {"STRUCTURE": {"x": {}}}}
        call = {"jsonrpc": "2.0", "method": "invoke", "id": "1", "params": params}
        sent = [("host", "vc.example"), carrier]
        document = msgspec.json.encode(call)
        reply = await AtUpstreams(rpc, case.gates)(
            Request("POST", "/api", "", sent, document, "192.0.2.7", secure=True)
        )
        assert reply.body == shown


async def test_sec_34_no_spelling_of_a_session_s_header_goes_on(case: Case) -> None:
    token = await case.token()
    forged = [
        *(("vmware_api_session_id", "x"), ("connection", "close, vmware-api-session-id")),
        *(("vapi-service", "com.vmware.cis.session"), ("te", "trailers"), ("cookie", "a=b")),
    ]
    await case.ask("GET", "/api/vcenter/vm", ("vmware-api-session-id", token), *forged)
    ((_, headers, _, _),) = case.upstream.calls
    assert headers.keys() == {"user-agent", "accept-encoding"}


@pytest.mark.parametrize("face", [resources.API, resources.REST], ids=["api", "rest"])
async def test_without_a_session_nothing_goes_on(gate: House, face: resources.Face) -> None:
    case = Case(gate, face)
    cookie = ("cookie", f"vmware-api-session-id={await case.token()}")
    for headers in ((), (("vmware-api-session-id", "unknown"),)):
        reply = await case.ask("GET", "/api/vcenter/vm", *headers)
        assert (reply.status, b"UNAUTHENTICATED" in reply.body) == (401, True)
    assert not case.upstream.calls
    # The older face takes a cookie, as our own endpoints do.
    reply = await case.ask("GET", "/rest/vcenter/vm", cookie)
    assert reply.status == (200 if face is resources.REST else 401)


async def test_sec_19_two_sessions_in_one_request_are_none(case: Case) -> None:
    tokens = [await case.token() for _ in range(2)]
    headers = [("vmware-api-session-id", token) for token in tokens]
    assert (await case.ask("GET", "/api/vcenter/vm", *headers)).status == 401
    assert not case.upstream.calls


async def test_what_is_ours_or_at_another_host_is_answered_here(case: Case) -> None:
    hello = await case.ask("POST", "/api/vcenter/system", query="action=hello")
    elsewhere = await case.ask("GET", "/api/vcenter/vm", host="other.example")
    assert (hello.status, elsewhere.status) == (299, 299)
    header = ("vmware-api-session-id", await case.token())
    assert (await case.ask("GET", "/api/vcenter/system", header)).status == 200
    assert len(case.upstream.calls) == 1


async def test_refusals_are_told_in_the_words_of_the_face(gate: House) -> None:
    told = (
        (NoPermission("Sessions.UseUpstream"), 403, "UNAUTHORIZED", None),
        (NotSupported("not here"), 501, "UNSUPPORTED", None),
        (UpstreamUnavailable("down"), 503, "SERVICE_UNAVAILABLE", "5"),
        (OutcomeUnknown("cut"), 500, "INTERNAL_SERVER_ERROR", None),
    )
    for face in (resources.API, resources.REST):
        case = Case(gate, face)
        header = ("vmware-api-session-id", await case.token())
        for error, status, kind, retry in told:
            case.upstream.answer = error
            reply = await case.ask("GET", "/api/vcenter/vm", header)
            assert (reply.status, kind.encode() in reply.body) == (status, True)
            assert dict(reply.headers).get("retry-after") == retry
            assert (b'"type"' in reply.body) == (face is resources.REST)


async def test_a_body_that_is_no_json_is_refused(case: Case) -> None:
    header = ("vmware-api-session-id", await case.token())
    for body in (b"hello", b'{"a":1,"a":2}'):
        assert (await case.ask("POST", "/api/vcenter/vm", header, body=body)).status == 400
    assert (await case.ask("BREW", "/api/vcenter/vm", header)).status == 405
    assert not case.upstream.calls
