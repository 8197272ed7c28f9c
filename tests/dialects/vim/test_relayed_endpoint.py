"""SOAP where an upstream stands behind: what is answered here, what goes on, what is refused."""

from typing import Any, cast

import pytest

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.vim.relayed_endpoint import RelayedSoapEndpoint
from sessiongate.dialects.vim.soap_endpoint import VimSoapEndpoint
from sessiongate.errors import OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.wire.http import Answer
from tests.end_to_end.vim_soap import envelope
from tests.gate import AT_VC1
from tests.gate import Gate as House


class Upstream:
    """In the place of a gate: knows what it was asked."""

    name = "vc1"

    def __init__(self) -> None:
        self.relay = self.public = self
        self.parse_queue = ParseQueue()
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.answer: Answer | Exception = Answer(200, (("content-type", "text/xml"),), b"<theirs/>")

    async def call(self, session: Any, request: Any, headers: Any, when_gone: Any) -> Answer:
        self.calls.append((f"{session.principal}: {request.method}", dict(headers)))
        return self._said()

    async def service_content(self, action: str) -> Answer:
        self.calls.append((f"content of {action}", {}))
        return self._said()

    async def versions(self) -> Answer:
        self.calls.append(("versions", {}))
        return self._said()

    def _said(self) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Case:
    def __init__(self, house: House) -> None:
        self.house = house
        self.upstream = Upstream()
        own = VimSoapEndpoint(house.sessions, house.logins, house.bearers, house.center)
        gates = Gates({}, cast("VCenterGateway", self.upstream))
        self.endpoint = RelayedSoapEndpoint(own, gates, house.sessions, house.bearers)
        self.handler = AtUpstreams(self.endpoint, gates)
        self.versions = AtUpstreams(self.endpoint.versions, gates)

    async def post(self, body: str, *headers: tuple[str, str], path: str = "/sdk") -> Reply:
        sent = [("host", "vc.example"), *headers]
        return await self.handler(
            Request("POST", path, "", sent, body.encode(), "192.0.2.7", secure=True)
        )


@pytest.fixture
def case(gate: House) -> Case:
    return Case(gate)


NAME = envelope("Fetch", "Folder", "group-d1", "<prop>name</prop>")


async def cookie(case: Case) -> tuple[str, str]:
    opened = await case.house.login("ada", AT_VC1)
    return ("cookie", f"vmware_soap_session={opened.token.reveal()}")


async def test_a_call_goes_on_with_what_says_nothing_of_the_client(case: Case) -> None:
    secrets = (("authorization", "Bearer x.y.z"), ("x-forwarded-for", "192.0.2.9"))
    reply = await case.post(NAME, await cookie(case), ("soapaction", "urn:vim25/8.0"), *secrets[1:])
    assert (reply.status, reply.body) == (200, b"<theirs/>")
    ((what, headers),) = case.upstream.calls
    assert what == "ada: Fetch"
    assert headers["soapaction"] == "urn:vim25/8.0"
    assert headers.keys() == {"soapaction", "user-agent", "content-type", "accept-encoding"}


async def test_without_a_session_nothing_goes_on_but_what_anybody_may_know(case: Case) -> None:
    reply = await case.post(NAME)
    assert (reply.status, b"NotAuthenticated" in reply.body) == (500, True)
    assert not case.upstream.calls
    content = envelope("RetrieveServiceContent", "ServiceInstance", "ServiceInstance")
    assert (await case.post(content, ("soapaction", "urn:vim25/8.0"))).body == b"<theirs/>"
    assert case.upstream.calls == [("content of urn:vim25/8.0", {})]


@pytest.mark.parametrize(
    "body",
    [
        envelope("Logout", "SessionManager", "SessionManager"),
        envelope("SessionIsActive", "SessionManager", "SessionManager"),
        envelope("Fetch", "SessionManager", "SessionManager", "<prop>currentSession</prop>"),
    ],
)
async def test_sessions_are_answered_here(case: Case, body: str) -> None:
    await case.post(body, await cookie(case))
    assert not case.upstream.calls


@pytest.mark.parametrize("body", ["hello", NAME.replace("</s:Body>", "<b/></s:Body>")])
async def test_what_cannot_be_read_is_refused(case: Case, body: str) -> None:
    reply = await case.post(body, await cookie(case))
    assert reply.status == 500
    assert b"Fault" in reply.body
    assert not case.upstream.calls


async def test_what_becomes_of_a_call_is_told_in_the_client_s_words(case: Case) -> None:
    for error, status in ((UpstreamUnavailable("down"), 503), (OutcomeUnknown("cut"), 500)):
        case.upstream.answer = error
        reply = await case.post(NAME, await cookie(case))
        assert reply.status == status
        assert b"SystemError" in reply.body


async def test_the_list_of_versions_is_the_upstream_s(case: Case) -> None:
    request = Request("GET", "/sdk/vimServiceVersions.xml", "", [], b"", "192.0.2.7", secure=True)
    assert (await case.versions(request)).body == b"<theirs/>"
    case.upstream.answer = UpstreamUnavailable("down")
    assert (await case.versions(request)).status == 503


MANY = envelope(
    "RetrieveProperties",
    "PropertyCollector",
    "propertyCollector",
    "<specSet>"
    + '<objectSet><obj type="VirtualMachine">vm-1</obj></objectSet>' * 10_000
    + "</specSet>",
)


async def test_who_has_a_session_may_ask_for_thousands_of_objects(case: Case) -> None:
    assert len(MANY) > 256 * 1024
    assert (await case.post(MANY, await cookie(case))).body == b"<theirs/>"
    assert len(case.upstream.calls) == 1


@pytest.mark.parametrize("sent", [(), (("cookie", "vmware_soap_session=unknown"),)])
async def test_strangers_may_not(case: Case, sent: tuple[tuple[str, str], ...]) -> None:
    reply = await case.post(MANY, *sent)
    assert (reply.status, b"NotAuthenticated" in reply.body) == (500, False)
    assert not case.upstream.calls


async def test_sec_43_a_session_inside_the_body_is_not_sent_on(case: Case) -> None:
    opened = await case.house.login("ada", AT_VC1)
    head = f"<s:Header><vcSessionCookie>{opened.token.reveal()}</vcSessionCookie></s:Header>"
    reply = await case.post(NAME.replace("<s:Body>", f"{head}<s:Body>"), await cookie(case))
    assert (reply.status, b"InvalidRequest" in reply.body) == (500, True)
    assert not case.upstream.calls
