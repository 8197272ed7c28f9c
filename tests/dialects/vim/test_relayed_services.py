"""The SOAP services beside `/sdk` where an upstream stands behind."""

from typing import Any, cast

import pytest

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.vim.pbm_endpoint import PbmEndpoint
from sessiongate.dialects.vim.relayed_services import RelayedServiceEndpoint
from sessiongate.errors import NoPermission, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.wire.http import Answer
from tests.gate import AT_VC1, INSTANCE
from tests.gate import Gate as House
from tests.wire.vim.test_relayed_service import document


class Upstream:
    """In the place of a gate: knows what it was asked."""

    name = "vc1"

    def __init__(self) -> None:
        self.services = self.public = self
        self.parse_queue = ParseQueue()
        self.calls: list[tuple[str, str, str, dict[str, str]]] = []
        self.answer: Answer | Exception = Answer(200, (("content-type", "text/xml"),), b"<theirs/>")

    async def call(self, session: Any, path: str, request: Any, headers: Any) -> Answer:
        self.calls.append((session.principal, path, request.method, dict(headers)))
        return self._said()

    async def vsan_versions(self) -> Answer:
        return self._said()

    def _said(self) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Case:
    def __init__(self, house: House) -> None:
        self.house = house
        self.upstream = Upstream()
        parts = house.sessions, house.logins, house.bearers, house.center
        policies = PbmEndpoint(*parts, instance=INSTANCE)
        self.gates = gates = Gates({"vc.example": cast("VCenterGateway", self.upstream)}, None)

        async def own(_: Request) -> Reply:
            return Reply(299)

        self.endpoint = RelayedServiceEndpoint(own, policies, gates, house.sessions, house.bearers)
        self.handler = AtUpstreams(self.endpoint, gates)

    async def ask(self, *headers: tuple[str, str], body: str = "", **more: str) -> Reply:
        sent = [("host", more.get("host", "vc.example")), *headers]
        verb, path = more.get("verb", "POST"), more.get("path", "/pbm")
        asked = Request(verb, path, "", sent, body.encode(), "192.0.2.7", secure=True)
        if path.endswith(".xml"):
            return await AtUpstreams(self.endpoint.vsan_versions, self.gates)(asked)
        return await self.handler(asked)

    async def token(self) -> str:
        return (await self.house.login("ada", AT_VC1)).token.reveal()


@pytest.fixture
def case(gate: House) -> Case:
    return Case(gate)


async def test_a_session_comes_by_cookie_or_header_or_both_and_is_one(case: Case) -> None:
    token, other = await case.token(), await case.token()
    cookie = ("cookie", f"vmware_soap_session={token}")
    inside = document(header=f"<vcSessionCookie>{token}</vcSessionCookie>")
    for headers, body in (((cookie,), document()), ((), inside), ((cookie,), inside)):
        assert (await case.ask(*headers, body=body)).body == b"<theirs/>"
    assert len(case.upstream.calls) == 3
    for headers, body in (
        ((), document()),
        ((("cookie", f"vmware_soap_session={other}"),), inside),
        ((), document(header="<vcSessionCookie>unknown</vcSessionCookie>")),
    ):
        reply = await case.ask(*headers, body=body)
        assert (reply.status, b"NotAuthenticated" in reply.body) == (500, True)
    assert len(case.upstream.calls) == 3


async def test_sec_43_what_says_who_the_client_is_stays_here(case: Case) -> None:
    cookie = ("cookie", f"vmware_soap_session={await case.token()}; other=1")
    more = (("soapaction", "urn:pbm/2.0"), ("x-forwarded-for", "192.0.2.9"), ("te", "x"))
    await case.ask(cookie, *more, body=document(), path="/vslm/sdk")
    ((who, path, method, headers),) = case.upstream.calls
    assert (who, path, method) == ("ada", "/vslm/sdk", "PbmQueryProfile")
    assert headers.keys() == {"soapaction", "user-agent", "content-type", "accept-encoding"}


async def test_what_is_told_of_refusals_is_a_fault(case: Case) -> None:
    cookie = ("cookie", f"vmware_soap_session={await case.token()}")
    for error, status in (
        (NoPermission("Sessions.UseUpstream"), 500),
        (UpstreamUnavailable("down"), 503),
        (OutcomeUnknown("cut"), 500),
    ):
        case.upstream.answer = error
        reply = await case.ask(cookie, body=document())
        assert (reply.status, b"Fault" in reply.body) == (status, True)
    sent = len(case.upstream.calls)
    for body in ("hello", document().replace("</s:Body>", "<b/></s:Body>")):
        reply = await case.ask(cookie, body=body)
        assert (reply.status, b"Fault" in reply.body) == (500, True)
    assert (await case.ask(cookie, verb="GET")).status == 405
    assert len(case.upstream.calls) == sent


async def test_at_other_hosts_all_is_as_it_was(case: Case) -> None:
    assert (await case.ask(body=document(), host="other.example")).status == 299


async def test_the_list_of_vsan_s_versions_is_the_upstream_s(case: Case) -> None:
    path = "/sdk/vsanServiceVersions.xml"
    assert (await case.ask(path=path, verb="GET")).body == b"<theirs/>"
    assert (await case.ask(path=path, verb="GET", host="other.example")).status == 299
    case.upstream.answer = UpstreamUnavailable("down")
    assert (await case.ask(path=path, verb="GET")).status == 503
