"""Calls to the SOAP services beside `/sdk` by shared sessions: by which, and what is shown."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from sessiongate.errors import NoPermission, NoSession, NotSupported, OutcomeUnknown
from sessiongate.gateway.calls.service_calls import ServiceCall
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.rules.relay_services import judge_service
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from sessiongate.wire.vim.relayed_service import read_service_call
from tests.gateway.calls.test_rest_calls import ADA, Clients, House, clients_before
from tests.gateway.test_accounts import KEY, session_of
from tests.upstream.fakes import Asked, envelope, http, soap_fault
from tests.wire.vim.test_relayed_service import document

XML = "text/xml; charset=utf-8"
COOKIE = "<vcSessionCookie>ours</vcSessionCookie>"


class Services(House):
    """Has storage policies, for whoever's session stands in cookie and header."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = ""
        self.kind = XML

    def __call__(self, asked: Asked) -> bytes:
        if asked.path == "/sdk":
            return super().__call__(asked)
        self.asked.append(asked)
        token = asked.headers.get("cookie", "").partition("=")[2].strip('"')
        header = f">{token}</vcSessionCookie>".encode()
        if token not in self.soap or header not in asked.body:
            return soap_fault("NotAuthenticated")
        if self.says is not None:
            return self.says(asked)
        return http(200, envelope(f"<r>{self.inner}</r>"), kind=self.kind)


@pytest.fixture
def house() -> Services:
    return Services()


@pytest.fixture
async def clients(house: Services) -> AsyncIterator[Clients]:
    async with clients_before(house) as made:
        yield made


async def ask(
    gate: VCenterGateway,
    method: str = "PbmQueryProfile",
    *,
    session: Session | None = None,
    path: str = "/pbm",
    inner: str = "",
) -> Answer:
    read = read_service_call(document(inner, COOKIE, method).encode())
    return await gate.services.call(session or session_of(ADA), path, read, (("soapaction", "x"),))


async def test_sec_43_it_goes_by_the_lease_in_cookie_and_header(
    clients: Clients, house: Services
) -> None:
    gate = clients.gate()
    answer = await ask(gate)
    assert (answer.status, answer.headers) == (200, (("content-type", XML),))
    sent = house.asked[-1]
    assert (sent.path, sent.headers["soapaction"]) == ("/pbm", "x")
    assert b"ours" not in sent.body
    assert b"<vcSessionCookie>soap-token-1</vcSessionCookie>" in sent.body


async def test_sec_62_a_dead_lease_is_replaced_and_reads_alone_are_repeated(
    clients: Clients, house: Services
) -> None:
    gate = clients.gate()
    await ask(gate)
    house.soap.clear()
    assert (await ask(gate)).status == 200
    house.soap.clear()
    before = len(house.calls())
    with pytest.raises(NoSession):
        await ask(gate, "PbmCreate")
    assert len(house.calls()) == before + 1


async def test_sec_62_an_unknown_outcome_is_asked_again_by_reads_alone(
    clients: Clients, house: Services
) -> None:
    gate = clients.gate()
    left = [b"", http(503, "busy")]
    whole = http(200, envelope("<r/>"), kind=XML)
    house.says = lambda _: left.pop() if left else whole
    with pytest.raises(OutcomeUnknown):
        await ask(gate, "PbmDelete")
    assert (await ask(gate)).status == 200
    assert len(house.calls()) == 3


async def test_a_fault_of_the_service_goes_through(clients: Clients, house: Services) -> None:
    gate = clients.gate()
    house.says = lambda _: soap_fault("PbmFault")
    assert (await ask(gate)).status == 500
    assert len(house.calls()) == 1


async def test_sec_92_nothing_of_the_upstreams_session_comes_back(
    clients: Clients, house: Services
) -> None:
    gate = clients.gate()
    for inner in (
        "soap-token-1",
        '<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:type="UserSession"/>',
        '<a type="View">session[1]2</a>',
        "<!-- hidden -->",
    ):
        house.inner = inner
        with pytest.raises(NotSupported):
            await ask(gate)
        with pytest.raises(OutcomeUnknown):
            await ask(gate, "PbmCreate")
    house.inner = ""
    house.kind = f"{XML}; a=soap-token-1"
    with pytest.raises(NotSupported):
        await ask(gate)
    house.kind = XML
    house.inner = KEY.format(1)
    session = session_of(ADA, "11111111-2222-3333-4444-555555555555")
    answer = await ask(gate, session=session)
    assert session.key.encode() in answer.body
    assert house.inner.encode() not in answer.body


async def test_sec_66_what_is_no_soap_has_an_unknown_outcome(
    clients: Clients, house: Services
) -> None:
    gate = clients.gate()
    house.kind = "text/html"
    with pytest.raises(OutcomeUnknown):
        await ask(gate, "PbmCreate")


async def test_who_may_and_what_is_never_sent(clients: Clients, house: Services) -> None:
    gate = clients.gate(
        roles=frozenset({"operator"}),
        read_roles=frozenset({"user"}),
        denied=frozenset({"PbmDelete", "/vslm/sdk"}),
    )
    reader = session_of(ADA)
    worker = msgspec.structs.replace(reader, roles=("operator",))
    assert (await ask(gate, session=reader)).status == 200
    with pytest.raises(NoPermission):
        await ask(gate, "PbmCreate", session=reader)
    assert (await ask(gate, "PbmCreate", session=worker)).status == 200
    sent = len(house.calls())
    for method, path in (
        ("PbmDelete", "/pbm"),
        ("VslmQueryInfo", "/vslm/sdk"),
        ("VslmLogout", "/pbm"),
        ("CreateFilter", "/vsanHealth"),
    ):
        with pytest.raises(NotSupported):
            await ask(gate, method, session=worker, path=path)
    assert len(house.calls()) == sent


def test_a_small_reply_waits_for_no_turn_and_a_large_one_does() -> None:
    """Each search through a large one takes milliseconds; through a small one, less than a turn."""
    read = read_service_call(document("", COOKIE, "PbmQueryProfile").encode())
    call = ServiceCall("/pbm", read, judge_service("PbmQueryProfile"), (), TokensInUse())
    user = UserSession(KEY, "svc", "", "")
    lease = Lease("a", UpstreamSession(WireForm.SOAP, Secret("token"), user), 0.0)

    def turns(inner: str) -> int:
        answer = Answer(200, (("content-type", XML),), envelope(f"<r>{inner}</r>").encode())
        return sum(1 for _ in call.reply(lease, session_of(ADA), answer).__await__())

    assert turns("x" * 1000) == 0
    assert turns("x" * 100_000) == 2
