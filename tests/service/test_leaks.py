"""The report of who leaves sessions open, over real services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.leaks import LeakTally, client_of
from sessiongate.service.leaks import LeakFinder, RecentSessions
from sessiongate.session import Client, Ended, Session
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.testing import LIMITS
from sessiongate.testing.sessions import a_session
from tests.gate import Gate

DAY = timedelta(days=1)
NIGHTLY = Client("192.0.2.1", "nightly.py/1.0", "zerto")
# Past the idle limit, whatever the steps in which a store looks for what is over.
LATER = LIMITS.idle + timedelta(minutes=5)
REPORT = Client("192.0.2.2", "govc/0.40", "soap")


def finder_of(gate: Gate) -> LeakFinder:
    """Over a store whose audit dies with the process."""
    recent = RecentSessions(gate.clock)
    gate.sessions.on_open(recent.opened)
    gate.sessions.on_end(recent.ended)
    return LeakFinder(gate.sessions, gate.clock, recent)


async def test_without_an_audit_the_process_itself_remembers(gate: Gate) -> None:
    finder = finder_of(gate)
    for _ in range(3):
        await gate.login("bob", NIGHTLY)
    opened = await gate.login("eve", REPORT)
    await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    gate.clock.tick(LATER)
    await gate.sweep()
    await gate.login("bob", NIGHTLY)
    report = await finder.report(DAY)
    first, second = report.clients
    assert (first.user, first.agent, first.address) == ("bob", "nightly.py", "192.0.2.1")
    assert (first.opened, first.idled_out, first.live, first.share) == (4, 3, 1, 1.0)
    assert (second.user, second.logged_out, second.share) == ("eve", 1, 0.0)
    assert "store.url" in report.missing
    assert report.since == report.until - LATER


async def test_what_is_remembered_has_a_bound(gate: Gate) -> None:
    recent = RecentSessions(gate.clock, most=4)
    gate.sessions.on_open(recent.opened)
    for _ in range(10):
        await gate.login("bob", NIGHTLY)
        gate.clock.tick(timedelta(seconds=1))
    report = await LeakFinder(gate.sessions, gate.clock, recent).report(DAY)
    assert (report.clients[0].opened, report.clients[0].live) == (4, 10)
    assert report.since == report.until - timedelta(seconds=4)
    assert "last 4" in report.missing


async def test_sec_73_others_have_their_turn_while_what_is_remembered_is_added_up(
    gate: Gate,
) -> None:
    recent = RecentSessions(gate.clock)
    for number in range(1_000):
        recent.opened(a_session(principal=f"user{number}", at=gate.clock.now()))
    tally = LeakTally()
    counting = asyncio.create_task(recent.add_up(gate.clock.now() - DAY, tally))
    turns = 0
    while not counting.done():
        turns += 1
        await asyncio.sleep(0)
    assert len(tally.ranked()) == 1_000
    assert turns >= 10


async def test_only_what_is_within_the_span_is_counted(gate: Gate) -> None:
    finder = finder_of(gate)
    await gate.login("bob", NIGHTLY)
    gate.clock.tick(timedelta(hours=2))
    await gate.sweep()
    assert [one.opened for one in (await finder.report(timedelta(hours=1))).clients] == [0]
    assert [one.opened for one in (await finder.report(timedelta(hours=3))).clients] == [1]


async def test_a_report_is_told_again_only_to_whom_it_may_be_old(gate: Gate) -> None:
    finder = finder_of(gate)
    old = await finder.report(DAY, timedelta(seconds=30))
    await gate.login("bob", NIGHTLY)
    gate.clock.tick(timedelta(seconds=20))
    assert await finder.report(DAY, timedelta(seconds=30)) is old
    assert [one.opened for one in (await finder.report(DAY)).clients] == [1]
    gate.clock.tick(timedelta(seconds=10))
    assert await finder.report(DAY, timedelta(seconds=30)) is not old


async def test_all_who_have_waited_for_a_slow_report_get_the_same(gate: Gate) -> None:
    class Slow:
        """Sessions that take longer to read than a report may be old."""

        async def list(self) -> AsyncIterator[Session]:
            gate.clock.tick(timedelta(seconds=10))
            async for session in gate.sessions.list():
                yield session

    finder = LeakFinder(Slow(), gate.clock, RecentSessions(gate.clock))
    allowed = timedelta(seconds=5)
    asked = [finder.report(DAY, allowed) for _ in range(3)]
    first, *others = await asyncio.gather(*asked)
    assert [one is first for one in others] == [True, True]
    gate.clock.tick(allowed)
    assert await finder.report(DAY, allowed) is not first


async def test_what_is_open_is_asked_only_where_it_is_wanted(gate: Gate) -> None:
    finder = finder_of(gate)
    await gate.login("bob", NIGHTLY)
    (without,) = (await finder.report(DAY, timedelta(minutes=1), live=False)).clients
    (whole,) = (await finder.report(DAY, timedelta(minutes=1))).clients
    assert (without.live, without.opened) == (None, 1)
    assert (whole.live, whole.opened) == (1, 1)


async def test_logins_that_the_gateway_saved_are_in_it(gate: Gate) -> None:
    await gate.login("bob", NIGHTLY)
    saved = {client_of("local", "bob", NIGHTLY.user_agent, NIGHTLY.ip_address): 7}
    recent = RecentSessions(gate.clock)
    finder = LeakFinder(gate.sessions, gate.clock, recent, lambda: saved)
    assert [one.saved for one in (await finder.report(DAY)).clients] == [7]


async def test_an_audit_that_cannot_be_read_is_an_outage_and_no_empty_report(
    gate: Gate, tmp_path: Path
) -> None:
    missing = AuditFile(tmp_path / "none.db")
    finder = LeakFinder(gate.sessions, gate.clock, lambda: nullcontext(missing))
    with pytest.raises(StoreUnavailable):
        await finder.report(DAY)


async def test_people_at_the_console_are_no_scripts(gate: Gate) -> None:
    finder = finder_of(gate)
    await gate.login("ada", Client("192.0.2.3", "Mozilla/5.0", "console"))
    assert (await finder.report(DAY)).clients == []
