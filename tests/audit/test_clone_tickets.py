"""Each clone ticket and each refusal is one event, and none has a token or a ticket in it."""

from structlog.testing import capture_logs

from sessiongate.audit import event
from sessiongate.audit.clone_tickets import PROVIDER, TicketJournal
from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal
from sessiongate.audit.merging import Merging
from sessiongate.errors import BadCredentials, NoPermission, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.session import Client
from sessiongate.store.embedded.audit import MemoryAudit
from sessiongate.testing import FakeClock

CLIENT = Client("192.0.2.7", "Go-http-client/1.1", "session-manager")
DIGEST = Secret("sgm_x").digest()


class Case:
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.clock = FakeClock()
        merging = Merging(per_minute=3, sessions_per_minute=5)
        self.journal = Journal(self.clock, MemoryAudit(), self.lines.append, merging=merging)
        self.tickets = TicketJournal(self.journal, self.clock)

    def events(self) -> list[Event]:
        return [event.read(line) for line in self.lines]


async def test_an_event_says_who_where_and_how_it_came_out() -> None:
    case = Case()
    with capture_logs() as logs:
        await case.tickets.issued("csi-prod", DIGEST, "vc1", CLIENT)
        await case.tickets.refused("csi-prod", DIGEST, "vc2", CLIENT, NoPermission("x"))
        await case.tickets.refused("csi-prod", DIGEST, "vc1", CLIENT, UpstreamUnavailable("away"))
        await case.tickets.refused("", b"", "vc1", CLIENT, BadCredentials("no token"))
    found = [(one.event, one.result, one.user, one.how, one.token) for one in case.events()]
    short = DIGEST[:4].hex()
    assert found == [
        ("clone ticket issued", "ok", "csi-prod", "vc1", short),
        ("clone ticket refused", "refused", "csi-prod", "vc2", short),
        ("clone ticket refused", "unavailable", "csi-prod", "vc1", short),
        ("clone ticket refused", "refused", "", "vc1", ""),
    ]
    assert {one.ip for one in case.events()} == {CLIENT.ip_address}
    assert {one.provider for one in case.events()} == {PROVIDER}
    assert [one["event"] for one in logs] == [one.event for one in case.events()]


async def test_sec_78_many_are_merged() -> None:
    case = Case()
    for _ in range(20):
        await case.tickets.issued("csi-prod", DIGEST, "vc1", CLIENT)
        await case.tickets.refused("", DIGEST, "vc1", CLIENT, BadCredentials("unknown"))
    case.journal.flush()
    kinds = [one.event for one in case.events()]
    assert kinds.count("clone ticket issued") == 6
    assert kinds.count("clone ticket refused") == 4
    assert sum(one.merged + 1 for one in case.events()) == 40
