"""VI/JSON where an upstream stands behind: what is answered here, what goes on, what is refused."""

import json
from typing import Any, cast

import pytest

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.vim.json_endpoint import VimJsonEndpoint
from sessiongate.dialects.vim.relayed_json_endpoint import RelayedJsonEndpoint
from sessiongate.errors import (
    NoPermission,
    NotSupported,
    OutcomeUnknown,
    Overloaded,
    QuotaReached,
    SessionGateError,
    UnknownObject,
    UnknownProperty,
    UpstreamUnavailable,
    WaitCancelled,
)
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.session import Client
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.types import MoRef
from tests.each import each
from tests.gate import AT_VC1, CLIENT
from tests.gate import Gate as House
from tests.wire.vim.test_relayed_json_reply import ok

RELEASE = "/sdk/vim25/8.0.3.0"
NAME = f"{RELEASE}/Folder/group-d1/name"
RENAME = f"{RELEASE}/Folder/group-d1/Rename_Task"


class Upstream:
    """In the place of a gate: knows what it was asked."""

    name = "vc1"

    def __init__(self) -> None:
        self.relay = self.public = self
        self.parse_queue = ParseQueue()
        self.calls: list[str] = []
        self.required: list[str] = []
        self.lets_in = True
        self.headers: dict[str, str] = {}
        self.operation = ""
        self.answer: Answer | Exception = ok("theirs")

    async def call(self, session: Any, request: Any, headers: Any, when_gone: Any) -> Answer:
        self.calls.append(f"{session.principal}: {request.method}")
        self.headers, self.operation = dict(headers), request.operation_id
        return self._said()

    def require_use(self, session: Any, target: MoRef, method: str) -> None:
        self.required.append(f"{session.principal}: {method} of {target.kind} {target.name}")
        if not self.lets_in:
            raise NoPermission("Sessions.UseUpstream")

    async def content_in_json(self, release: str) -> Answer:
        self.calls.append(f"content of {release}")
        return self._said()

    def _said(self) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Case:
    def __init__(self, house: House) -> None:
        self.house = house
        self.upstream = Upstream()
        own = VimJsonEndpoint(house.sessions, house.logins, house.bearers, house.center)
        gates = Gates({"vc.example": cast("VCenterGateway", self.upstream)}, None)
        self.endpoint = RelayedJsonEndpoint(own, gates, house.sessions, house.bearers)
        self.handler = AtUpstreams(self.endpoint, gates)

    async def ask(
        self,
        verb: str,
        path: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        host: str = "vc.example",
    ) -> Reply:
        path, _, query = path.partition("?")
        sent = [("host", host), *headers]
        return await self.handler(Request(verb, path, query, sent, body, "192.0.2.7", secure=True))

    async def session(self, client: Client = AT_VC1) -> tuple[str, str]:
        opened = await self.house.login("ada", client)
        return ("vmware-api-session-id", opened.token.reveal())


@pytest.fixture
def case(gate: House) -> Case:
    return Case(gate)


def fault(reply: Reply) -> str:
    assert dict(reply.headers)["content-type"] == "application/json"
    said = json.loads(reply.body)
    assert said["faultstring"]
    return str(said["_typeName"])


async def test_a_call_goes_on_with_what_says_nothing_of_the_client(case: Case) -> None:
    more = (("x-forwarded-for", "192.0.2.9"), ("user-agent", "curl"), ("vapi-ctx-opid", "op-1"))
    reply = await case.ask("GET", NAME, await case.session(), *more)
    assert (reply.status, reply.body) == (200, b'"theirs"')
    assert ("cache-control", "no-store") in reply.headers
    assert case.upstream.calls == ["ada: Fetch"]
    assert case.upstream.operation == "op-1"
    sent = {"user-agent", "accept-encoding", "vapi-ctx-opid"}
    assert case.upstream.headers.keys() == sent
    case.upstream.answer = Answer(204, (), b"")
    reply = await case.ask("POST", RENAME, await case.session(), ("opid", "op-2"), body=b"{}")
    assert (reply.status, reply.body, case.upstream.operation) == (204, b"", "op-2")
    assert case.upstream.headers["content-type"] == "application/json"


async def test_without_a_session_nothing_goes_on_but_what_anybody_may_know(case: Case) -> None:
    reply = await case.ask("GET", NAME)
    assert (reply.status, fault(reply)) == (500, "NotAuthenticated")
    assert json.loads(reply.body)["object"]["value"] == "group-d1"
    unknown = ("vmware-api-session-id", "a" * 40)
    assert fault(await case.ask("POST", RENAME, unknown)) == "NotAuthenticated"
    assert not case.upstream.calls
    content = f"{RELEASE}/ServiceInstance/ServiceInstance/"
    assert (await case.ask("GET", f"{content}content")).body == b'"theirs"'
    assert (await case.ask("POST", f"{content}RetrieveServiceContent")).body == b'"theirs"'
    assert case.upstream.calls == ["content of 8.0.3.0"] * 2


SESSIONS = [
    ("POST", "SessionManager/SessionManager/Logout", b""),
    ("POST", "SessionManager/SessionManager/TerminateSession", b'{"sessionId":["x"]}'),
    ("GET", "SessionManager/SessionManager/sessionList", b""),
    ("GET", "SessionManager/Session%4Danager/currentSession", b""),
    ("GET", "SessionManager/other/sessionList", b""),
    ("GET", "Folder/sessionmanager/sessionList", b""),
    ("PUT", "SessionManager/SessionManager/sessionList", b""),
    ("POST", "SessionManager/SessionManager/Login", b'{"a":1,"a":2}'),
    (
        "POST",
        "PropertyCollector/propertyCollector/RetrieveProperties",
        b'{"specSet":[{"propSet":[{"type":"SessionManager","pathSet":["currentSession"]}],'
        b'"objectSet":[{"obj":{"type":"SessionManager","value":"SessionManager"}}]}]}',
    ),
]


@each("verb, path, body", SESSIONS)
async def test_sessions_are_answered_here(verb: str, path: str, body: bytes, case: Case) -> None:
    reply = await case.ask(verb, f"{RELEASE}/{path}", await case.session(), body=body)
    assert reply.status in (200, 204, 405, 500)
    assert not case.upstream.calls


@each("named", ["SessionManager/SessionManager", "SessionManager/other", "Folder/sessionmanager"])
async def test_they_are_at_any_release(named: str, case: Case) -> None:
    path = f"/sdk/vim25/8.0.1.77/{named}/sessionList"
    assert fault(await case.ask("GET", path, await case.session())) == "InvalidRequest"
    assert not case.upstream.calls


async def test_at_another_host_all_is_ours(case: Case) -> None:
    reply = await case.ask("GET", NAME, await case.session(CLIENT), host="gate.example")
    assert (reply.status, reply.body) == (200, b'"Datacenters"')
    assert not case.upstream.calls


REFUSED = [
    ("POST", RENAME, b"hello", "InvalidRequest"),
    ("POST", RENAME, b'{"a":1,"a":2}', "InvalidRequest"),
    ("POST", f"{RENAME}?a=b", b"{}", "InvalidRequest"),
    ("POST", f"{RELEASE}/Folder/group%252Dd1/Rename_Task", b"{}", "InvalidRequest"),
    ("POST", f"{RELEASE}/Folder/group-d1/Fetch", b"{}", "MethodNotFound"),
    ("GET", RENAME, b"", "InvalidProperty"),
    ("GET", NAME, b"{}", "InvalidRequest"),
    ("GET", f"{RELEASE}/Folder/group-d1", b"", "InvalidRequest"),
]


@each("verb, path, body, name", REFUSED)
async def test_what_cannot_be_read_is_refused(
    verb: str, path: str, body: bytes, name: str, case: Case
) -> None:
    reply = await case.ask(verb, path, await case.session(), body=body)
    assert (reply.status, fault(reply)) == (500, name)
    assert not case.upstream.calls


async def test_another_verb_is_405(case: Case) -> None:
    reply = await case.ask("DELETE", NAME, await case.session())
    assert (reply.status, fault(reply)) == (405, "InvalidRequest")
    assert dict(reply.headers)["allow"] == "GET, POST"


OUTCOMES: list[tuple[SessionGateError, int, str]] = [
    (UpstreamUnavailable("down"), 503, "SystemError"),
    (Overloaded("full"), 503, "SystemError"),
    (OutcomeUnknown("cut"), 500, "SystemError"),
    (NotSupported("no"), 500, "NotSupported"),
    (NoPermission("Sessions.UseUpstream"), 500, "NoPermission"),
    (QuotaReached("many"), 500, "InvalidState"),
    (UnknownObject("View", "a"), 500, "ManagedObjectNotFound"),
    (UnknownProperty("token"), 500, "InvalidProperty"),
    (WaitCancelled("left"), 500, "RequestCanceled"),
]


@each("error, status, name", OUTCOMES)
async def test_what_becomes_of_a_call_is_told_in_the_client_s_words(
    error: SessionGateError, status: int, name: str, case: Case
) -> None:
    case.upstream.answer = error
    reply = await case.ask("POST", RENAME, await case.session(), body=b"{}")
    assert (reply.status, fault(reply)) == (status, name)
    assert ("retry-after" in dict(reply.headers)) == (status == 503)


MANY = json.dumps(
    {"entity": [{"type": "VirtualMachine", "value": f"vm-{number}"} for number in range(5_000)]}
).encode()


async def test_who_has_a_session_may_name_thousands_of_objects(case: Case) -> None:
    reply = await case.ask("POST", RENAME, await case.session(), body=MANY)
    assert reply.body == b'"theirs"'
    for sent in ((), (("vmware-api-session-id", "unknown"),)):
        reply = await case.ask("POST", RENAME, *sent, body=MANY)
        assert fault(reply) == "InvalidRequest"
    assert len(case.upstream.calls) == 1


async def test_sec_73_a_long_body_is_read_for_who_may_send_it(case: Case) -> None:
    broken = b'{"newName":"' + b"a" * 300_000
    whole = broken + b'"}'
    session = await case.session()
    assert (await case.ask("POST", RENAME, session, body=whole)).status == 200
    assert case.upstream.required == ["ada: Rename_Task of Folder group-d1"]
    assert fault(await case.ask("POST", RENAME, session, body=broken)) == "InvalidRequest"
    case.upstream.lets_in = False
    assert fault(await case.ask("POST", RENAME, session, body=broken)) == "NoPermission"
    unknown = ("vmware-api-session-id", "a" * 40)
    assert fault(await case.ask("POST", RENAME, unknown, body=broken)) == "InvalidRequest"
    assert case.upstream.calls == ["ada: Rename_Task"]
