"""What goes to an upstream is written down: by whom, by which session of ours, and how it ended."""

from datetime import timedelta

from structlog.testing import capture_logs

from sessiongate.audit.event import Event, read
from sessiongate.audit.journal import Journal
from sessiongate.audit.merging import SESSIONS_PER_MINUTE, Merging
from sessiongate.errors import NotSupported
from sessiongate.session import Person, Session
from sessiongate.store.embedded.audit import MemoryAudit
from sessiongate.telemetry.counters import Meters
from tests.gate import Gate

LEASE = "0f8fad5b-d9cb-469f-a165-70867728950e"
SERVICE = Person("", "service")


class Written:
    """A journal, and what it has written."""

    def __init__(self, gate: Gate) -> None:
        self.lines: list[bytes] = []
        self.clock = gate.clock
        self.meters = Meters()
        audit = MemoryAudit()
        self.journal = Journal(gate.clock, audit, self.lines.append, self.meters, Merging())

    @property
    def events(self) -> list[Event]:
        return [read(line) for line in self.lines]

    def forward(self, session: Session, outcome: str = "ok", operation: str = "op-1") -> None:
        self.journal.forwarded(
            session,
            "vc1",
            "CloneVM_Task of VirtualMachine",
            outcome,
            lease=LEASE,
            operation=operation,
        )


async def test_a_forwarded_change_has_who_and_by_which_session(gate: Gate) -> None:
    written, session = Written(gate), (await gate.login("ada")).session
    with capture_logs() as logs:
        for outcome in ("ok", "fault", "unknown", "gone"):
            written.forward(session, outcome)
        written.forward(session, operation="")
    assert logs == []
    first = written.events[0]
    assert (first.event, first.user, first.key) == ("call forwarded", "ada", session.key)
    assert (first.how, first.agent) == ("vc1", "curl/8")
    assert first.detail == f"CloneVM_Task of VirtualMachine, lease {LEASE}, operation op-1"
    assert written.events[-1].detail.endswith(LEASE)
    assert [(one.result, one.reason) for one in written.events] == [
        ("ok", ""),
        ("refused", "fault"),
        ("unavailable", "unknown"),
        ("unavailable", "gone"),
        ("ok", ""),
    ]


async def test_a_refusal_has_the_setting_that_would_let_it_through(gate: Gate) -> None:
    written, session = Written(gate), (await gate.login("ada")).session
    with capture_logs() as logs:
        written.journal.denied(session, "PowerOnVM_Task at vc1", "Sessions.UseUpstream", "a why")
        written.journal.denied(session, "message", "Sessions.GlobalMessage")
    assert [line.get("why") for line in logs] == ["a why", None]
    assert [one.detail for one in written.events] == ["PowerOnVM_Task at vc1: a why", "message"]


async def test_a_client_that_changes_much_pushes_nothing_out(gate: Gate) -> None:
    written, session = Written(gate), (await gate.login("ada")).session
    for number in range(SESSIONS_PER_MINUTE + 500):
        written.forward(session, operation=f"op-{number}")
    assert len(written.lines) == SESSIONS_PER_MINUTE
    written.clock.tick(timedelta(minutes=2))
    with capture_logs() as logs:
        written.forward(session)
    assert logs == []
    merged, alone = written.events[SESSIONS_PER_MINUTE:]
    assert (merged.event, merged.user, merged.merged) == ("call forwarded", "ada", 499)
    assert (alone.merged, written.meters.merged) == (0, 499)


async def test_our_sessions_there_are_told_by_our_own_name(gate: Gate) -> None:
    written = Written(gate)
    with capture_logs() as logs:
        for what in ("opened", "ended", "lost", "given up"):
            written.journal.of_lease(f"upstream session {what}", "vc1", SERVICE, LEASE)
    assert [(line["event"], line["log_level"], line["lease"]) for line in logs] == [
        ("upstream session opened", "info", LEASE),
        ("upstream session ended", "info", LEASE),
        ("upstream session lost", "warning", LEASE),
        ("upstream session given up", "warning", LEASE),
    ]
    assert [(one.event, one.user, one.how, one.detail) for one in written.events] == [
        (f"upstream session {what}", "service", "vc1", f"lease {LEASE}")
        for what in ("opened", "ended", "lost", "given up")
    ]


async def test_a_loop_of_logins_there_pushes_nothing_out(gate: Gate) -> None:
    written = Written(gate)
    for _ in range(SESSIONS_PER_MINUTE * 2):
        written.journal.of_lease("upstream session opened", "vc1", Person("vc", "ada"), LEASE)
    assert len(written.lines) == SESSIONS_PER_MINUTE


async def test_calls_and_sessions_of_one_person_there_are_counted_together(gate: Gate) -> None:
    written, session = Written(gate), (await gate.login("ada")).session
    ada = Person(session.provider, session.principal)
    for _ in range(SESSIONS_PER_MINUTE):
        written.forward(session)
        written.journal.of_lease("upstream session opened", "vc1", ada, LEASE)
    assert len(written.lines) == SESSIONS_PER_MINUTE
    other = (await gate.login("bob")).session
    written.forward(other)
    assert len(written.lines) == SESSIONS_PER_MINUTE + 1


async def test_what_a_client_made_up_is_cut(gate: Gate) -> None:
    written, session = Written(gate), (await gate.login("ada")).session
    made_up = "Login" * 10_000
    error = NotSupported(f"{made_up} is not forwarded")
    written.journal.failed(session, "call not forwarded", made_up, error)
    assert len(written.lines[0]) < 1_000
