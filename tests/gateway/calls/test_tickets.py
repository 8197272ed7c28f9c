"""Tickets of the upstream: which are handed out, and what they keep."""

from typing import Any, cast

import msgspec
import pytest

from sessiongate.errors import (
    NoPermission,
    NoSession,
    NotSupported,
    OutcomeUnknown,
    StoreUnavailable,
)
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.calls.side_relay import SideRelay
from sessiongate.gateway.calls.tickets import TICKET_LIFE, UpstreamTickets
from sessiongate.secret import Secret
from sessiongate.session import Session
from sessiongate.store.gateway_port import Entered, StayOutcome
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.service_tickets import HTTP_SPEC, METHOD, VMOMI_SPEC
from sessiongate.wire.vim.types import Data
from tests.each import each
from tests.gateway.calls.test_relay import RULES, Case, House
from tests.upstream.fakes import envelope as enveloped
from tests.wire.vim.test_relayed_reply import fault

GET = Data(HTTP_SPEC, {"method": "httpGet", "url": "https://esx1/folder"})
VMOMI = Data(VMOMI_SPEC, {"method": "vim.Task.cancel"})


class TicketHouse(House):
    """It hands out tickets, or what it is told to."""

    said: Answer | None = None

    async def exchange(self, ask: Ask, **more: Any) -> Answer:
        answer = await super().exchange(ask, **more)
        method = self.asked[-1].method
        if not method.startswith("Acquire") or answer.status != 200:
            return answer
        inner = "<id>ticket-1</id>" if method == METHOD else "cst-theirs"
        name = f"{method}Response"
        body = f'<{name} xmlns="urn:vim25"><returnval>{inner}</returnval></{name}>'
        return self.said or Answer(200, answer.headers, enveloped(body).encode())


class Story:
    def __init__(self, **rules: Any) -> None:
        self.house = TicketHouse()
        own = msgspec.structs.replace(RULES, **rules)
        self.case = Case(self.house, own)
        record = CallRecord(UpstreamMeters(), "vc1", self.case.audit)
        exchange = cast("Exchange", self.house)
        side = SideRelay(own, exchange, self.case.relay, record)
        self.tickets = UpstreamTickets(own, side, "https://vc1.example", self.case.tokens)

    def asked(self) -> list[str]:
        return [one for one in self.house.methods() if one.startswith("Acquire")]

    def session(self, number: int = 1) -> Session:
        return self.case.client(number).session


async def test_sec_38_no_ticket_is_handed_out_unless_the_table_says_so() -> None:
    story = Story()
    assert not story.tickets.hands_out_sessions
    for spec in (GET, VMOMI, Data("SessionManagerServiceRequestSpec", {})):
        with pytest.raises(NotSupported):
            await story.tickets.service_ticket(story.session(), spec)
    assert not story.house.asked
    (told,) = {*story.case.audit.told}
    assert told[1:] == ("call not forwarded", f"{METHOD} of SessionManager", "NotSupported")


OF_FILES = [
    ("httpPut", "https://esx1.example/folder/a/b.vmdk?dcPath=ha-datacenter&dsName=ds"),
    ("httpGet", "https://192.0.2.7:443/folder"),
    ("httpDelete", "https://vc1.example/folder/a?dcPath=dc&dsName=ds"),
    ("httpPut", "https://VC1.example.:443/nfc/52/disk-0.vmdk"),
    ("httpGet", "https://vc1.example/guestFile?id=1&token=2"),
    ("httpGet", "https://vc1.example/screen?id=vm-1"),
]
OF_NONE = [
    ("httpPut", "https://evil.example/x"),
    ("httpPost", "https://vc1.example/sdk"),
    ("httpGet", "https://vc1.example/mob"),
    ("httpGet", "https://esx1.example/nfc/52/disk-0.vmdk"),
    ("httpGet", "https://esx1.example:8443/folder"),
    ("httpGet", "http://esx1.example/folder"),
    ("httpGet", "http://vc1.example/folder"),
    ("httpDelete", "https://vc1.example/nfc/52/disk-0.vmdk"),
    ("httpTrace", "https://vc1.example/folder"),
    ("", "https://vc1.example/folder"),
    ("httpGet", "https://vc1.example/folder/../sdk"),
    ("httpGet", "https://vc1.example/folder#/sdk"),
    ("httpGet", "https://vc1.example@evil.example/folder"),
    ("httpGet", "https://vc1.example/folder/denied/a"),
    ("httpGet", "https://127.0.0.1/folder"),
    ("httpGet", "https://127.1/folder"),
    ("httpGet", "https://0x7f000001/folder"),
    ("httpGet", "https://[::1]/folder"),
    ("httpGet", "https://[::ffff:127.0.0.1]/folder"),
    ("httpGet", "https://0.0.0.0/folder"),
    ("httpGet", "https://localhost./folder"),
    ("httpGet", "https://gate.example/folder"),
    ("httpGet", "/folder"),
]


async def test_sec_38_a_ticket_for_a_request_is_for_files_alone() -> None:
    story = Story(
        service_tickets=True,
        denied=frozenset({"/folder/denied"}),
        own_names=frozenset({"gate.example"}),
    )
    for method, url in OF_NONE:
        spec = Data(HTTP_SPEC, {"method": method, "url": url})
        with pytest.raises(NotSupported):
            await story.tickets.service_ticket(story.session(), spec)
    assert not story.house.asked
    for method, url in OF_FILES:
        spec = Data(HTTP_SPEC, {"method": method, "url": url})
        ticket = await story.tickets.service_ticket(story.session(), spec)
        assert ticket.members["id"] == "ticket-1"
    assert len(story.asked()) == len(OF_FILES)


ALLOWED: list[tuple[dict[str, bool], list[Data], list[Data]]] = [
    ({"service_tickets": True}, [GET], [VMOMI]),
    ({"upstream_tickets": True}, [VMOMI], [GET]),
    ({"service_tickets": True, "upstream_tickets": True}, [GET, VMOMI], []),
]


@each("case", ALLOWED, str)
async def test_each_kind_of_ticket_has_its_setting(
    case: tuple[dict[str, bool], list[Data], list[Data]],
) -> None:
    rules, handed, refused = case
    story = Story(**rules)
    assert story.tickets.hands_out_sessions == rules.get("upstream_tickets", False)
    for spec in handed:
        ticket = await story.tickets.service_ticket(story.session(), spec)
        assert ticket.members["id"] == "ticket-1"
    for spec in (*refused, Data("SessionManagerServiceRequestSpec", {})):
        with pytest.raises(NotSupported):
            await story.tickets.service_ticket(story.session(), spec)
    assert len(story.asked()) == len(handed)


async def test_a_denied_method_is_denied_whatever_else_is_allowed() -> None:
    names = frozenset({METHOD, "AcquireCloneTicket"})
    story = Story(service_tickets=True, upstream_tickets=True, denied=names)
    assert not story.tickets.hands_out_sessions
    with pytest.raises(NotSupported):
        await story.tickets.service_ticket(story.session(), GET)
    assert not story.house.asked


async def test_a_ticket_keeps_the_session_that_it_is_of() -> None:
    story = Story(upstream_tickets=True)
    session = story.session()
    ticket = await story.tickets.clone_ticket(session)
    assert ticket.reveal() == "cst-theirs"
    (lease,) = story.case.pool.leases
    story.case.pool.retire(lease)
    await story.case.relay.tidy(0.0)
    assert lease.homes == {session.key: 1}
    story.case.late = TICKET_LIFE
    await story.case.relay.tidy(0.0)
    assert not lease.homes


@pytest.mark.parametrize("away", [True, False])
async def test_a_ticket_that_nobody_can_keep_a_session_for_is_not_handed_out(
    away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upstream has made it: that nothing was sent cannot be said any more."""
    story = Story(upstream_tickets=True)
    relay, session = story.case.relay, story.session()

    async def note(*_: object) -> Entered:
        if away:
            raise StoreUnavailable("down")
        return Entered(StayOutcome.OVER)

    monkeypatch.setattr(relay.checkouts.books, "note", note)
    with pytest.raises(OutcomeUnknown if away else NoSession):
        await story.tickets.clone_ticket(session)
    assert story.asked() == ["AcquireCloneTicket"]


async def test_a_reader_gets_none() -> None:
    story = Story(service_tickets=True, read_only=True)
    with pytest.raises(NoPermission):
        await story.tickets.service_ticket(story.session(), GET)
    assert not story.house.asked


async def test_what_the_upstream_refuses_or_mumbles_is_no_ticket() -> None:
    story = Story(upstream_tickets=True)
    story.house.said = fault("NotSupported")
    with pytest.raises(NotSupported):
        await story.tickets.clone_ticket(story.session())
    story.house.said = Answer(200, (("content-type", "text/xml"),), b"<a/>")
    with pytest.raises(OutcomeUnknown):
        await story.tickets.clone_ticket(story.session())
    assert not story.case.relay.clients.objects


async def test_sec_92_a_ticket_of_one_client_is_shown_to_no_other() -> None:
    story = Story(upstream_tickets=True)
    ticket = await story.tickets.clone_ticket(story.session())
    assert story.case.tokens.found_in(ticket.reveal().encode())


async def test_sec_92_a_ticket_that_is_a_session_of_ours_is_not_handed_out() -> None:
    story = Story(service_tickets=True, upstream_tickets=True)
    story.case.tokens.hand_out(Secret("cst-theirs"))
    with pytest.raises(OutcomeUnknown):
        await story.tickets.clone_ticket(story.session())
