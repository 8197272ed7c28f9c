"""Events grow old by time that was seen to pass; a clock that jumps deletes nothing at once."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.app.server import Server
from sessiongate.app.supplied import Supplied
from sessiongate.audit.age_clock import JUMP, WAIT, AgeClock
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.testing import T0, FakeClock
from tests.app.test_server import settings
from tests.each import each

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
YEAR = 365 * DAY


class Machine:
    """A server's clock, the machine's, and what is kept of both over restarts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ages.0"
        self.wall = FakeClock()
        self.seen: datetime | None = None
        self.start()

    def start(self) -> None:
        """Start a server, which goes on from the latest time of the last one."""
        self.clock = FakeClock(self.wall.now())
        if self.seen is not None:
            self.clock.not_before(self.seen)
        self.age_clock = AgeClock(self.path, self.clock, self.wall.now, self.seen)
        self.seen = self.clock.now()

    def run(self, span: timedelta) -> datetime:
        """Let it run so long, asked once a minute; the time that ages go by then."""
        for _ in range(span // MINUTE):
            self.clock.tick(MINUTE)
            self.wall.tick(MINUTE)
            self.age_clock.time()
        self.seen = self.clock.now()
        return self.age_clock.time()

    def stop_for(self, span: timedelta) -> None:
        self.wall.tick(span)
        self.start()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_server_that_runs_goes_by_the_clock(machine: Machine) -> None:
    assert machine.run(3 * DAY) == T0 + 3 * DAY


@each("span", [MINUTE, 14 * HOUR, JUMP])
def test_after_a_short_stop_it_does_so_at_once(span: timedelta, tmp_path: Path) -> None:
    machine = Machine(tmp_path / str(span.total_seconds()))
    machine.run(HOUR)
    machine.stop_for(span)
    assert machine.age_clock.time() == machine.wall.now()


def test_after_a_year_away_it_does_so_a_day_later(machine: Machine) -> None:
    machine.run(HOUR)
    machine.stop_for(YEAR)
    with capture_logs() as lines:
        assert machine.run(WAIT - MINUTE) == T0 + HOUR
        assert machine.run(MINUTE) == T0 + HOUR + YEAR + WAIT
    [line] = lines
    assert line["log_level"] == "warning"
    assert (line["last"], line["hours_to_wait"]) == ("2026-01-01T01:00:00Z", 24.0)


def test_a_clock_that_is_put_right_in_time_has_made_nothing_older(machine: Machine) -> None:
    machine.run(HOUR)
    machine.stop_for(2 * YEAR)
    assert machine.run(HOUR) == T0 + HOUR
    machine.wall.tick(-2 * YEAR)
    assert machine.run(2 * DAY) == T0 + 2 * HOUR + 2 * DAY
    # And the next start, whose own time goes on from where it was.
    machine.stop_for(MINUTE)
    assert machine.clock.now() > T0 + 2 * YEAR
    assert machine.run(2 * DAY) == T0 + 2 * HOUR + 4 * DAY + MINUTE


def test_restarts_with_a_wrong_clock_do_not_make_it_right(machine: Machine) -> None:
    machine.run(HOUR)
    machine.stop_for(2 * YEAR)
    for _ in range(50):
        machine.stop_for(MINUTE)
        assert machine.age_clock.time() == T0 + HOUR


def test_a_server_that_restarts_often_has_waited_in_the_end(machine: Machine) -> None:
    machine.run(HOUR)
    machine.stop_for(YEAR)
    for _ in range(23):
        assert machine.run(HOUR) == T0 + HOUR
        machine.stop_for(MINUTE)
    # What a restart loses of an hour is less than ten minutes.
    assert machine.run(5 * HOUR) == machine.wall.now()


def test_a_wait_that_was_broken_off_counts_for_no_later_jump(machine: Machine) -> None:
    """A start with the clock put right, however short, has done with the wait before it."""
    machine.run(HOUR)
    machine.stop_for(YEAR)
    assert machine.run(WAIT - HOUR) == T0 + HOUR
    machine.wall.tick(-YEAR)
    machine.seen = machine.wall.now()
    machine.start()
    now = machine.age_clock.time()
    assert now == machine.wall.now()
    machine.seen = now
    machine.stop_for(YEAR)
    assert machine.run(WAIT - MINUTE) == now


def test_a_step_while_it_runs_is_not_time_that_passed(machine: Machine) -> None:
    machine.run(HOUR)
    machine.clock.tick(YEAR)
    machine.wall.tick(YEAR)
    assert machine.age_clock.time() == T0 + HOUR


@each("kept", [b"", b"rubbish", b'{"time":"2026-01-01T00:00:00"}', b'{"time":1}', None])
def test_without_the_file_the_stores_latest_time_is_believed(
    kept: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "ages.0"
    path.unlink(missing_ok=True)
    if kept is not None:
        path.write_bytes(kept)
    clock = FakeClock(T0 + YEAR)
    assert AgeClock(path, clock, clock.now, T0).time() == T0


@each("seen", [None, T0 + 2 * YEAR])
def test_one_that_never_ran_believes_the_machine(seen: datetime | None, tmp_path: Path) -> None:
    clock = FakeClock(T0 + 2 * YEAR)
    path = tmp_path / str(seen) / "ages.0"
    assert AgeClock(path, clock, lambda: T0 + YEAR, seen).time() == T0 + YEAR


async def test_sec_70_one_start_with_a_clock_far_ahead_deletes_no_event(tmp_path: Path) -> None:
    config = settings(tmp_path, audit__max_age="30d")

    async def run(clock: FakeClock) -> None:
        server = Server(config, Supplied(clock=clock))
        await server.start()
        await server.tend()
        await server.stop()

    def events() -> tuple[int, int]:
        verdict = AuditFile(tmp_path / "sessiongate.db").verify()
        return verdict.events, verdict.pruned

    await run(FakeClock())
    assert events() == (2, 0)
    await run(FakeClock(T0 + 300 * DAY))
    assert events() == (4, 0)
    await run(FakeClock())
    assert events() == (6, 0)
