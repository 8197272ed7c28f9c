"""The clock that servers run on never goes backwards."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest

from sessiongate import clock as module
from sessiongate.clock import SystemClock


class Boot:
    """The machine's boot clock, in nanoseconds."""

    def __init__(self) -> None:
        self.ticks = 0

    def passes(self, span: timedelta) -> None:
        self.ticks += span // timedelta(microseconds=1) * 1000


@pytest.fixture(autouse=True)
def boot(monkeypatch: pytest.MonkeyPatch) -> Boot:
    made = Boot()
    monkeypatch.setattr(module, "_boot_time", lambda: made.ticks)
    return made


def test_it_starts_at_wall_time_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_it_goes_on_with_the_boot_clock_alone(boot: Boot) -> None:
    clock = SystemClock()
    start = clock.now()
    assert clock.now() == start
    boot.passes(timedelta(hours=5, microseconds=7))
    assert clock.now() == start + timedelta(hours=5, microseconds=7)


@pytest.mark.parametrize("step", [timedelta(days=-400), timedelta(days=400)], ids=["back", "on"])
def test_a_step_of_the_wall_clock_is_not_noticed(
    step: timedelta, boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set back, it would revive sessions; set forward, end them all."""

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            real = datetime.now(tz) + step
            return cls.combine(real.date(), real.timetz())

    clock = SystemClock()
    start = clock.now()
    monkeypatch.setattr(module, "datetime", Stepped)
    assert clock.now() == start
    boot.passes(timedelta(minutes=30))
    assert clock.now() == start + timedelta(minutes=30)
    # The next start believes the wall, but nothing earlier than what a store has seen.
    assert abs(SystemClock().now() - start - step) < timedelta(minutes=1)
    assert SystemClock(floor=start).now() >= start


def test_it_starts_no_earlier_than_what_was_seen() -> None:
    floor = datetime.now(UTC) + timedelta(days=400)
    assert SystemClock(floor).now() == floor
    past = datetime(2020, 1, 1, tzinfo=UTC)
    assert SystemClock(past).now() > past + timedelta(days=1)


def test_it_moves_on_to_a_floor_and_never_back(boot: Boot) -> None:
    clock = SystemClock()
    start = clock.now()
    clock.not_before(start - timedelta(days=1))
    assert clock.now() == start
    clock.not_before(start + timedelta(days=1))
    assert clock.now() == start + timedelta(days=1)
    boot.passes(timedelta(seconds=1))
    assert clock.now() == start + timedelta(days=1, seconds=1)


def test_the_real_boot_clock_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    clock = SystemClock()
    start = clock.now()
    times = [clock.now() for _ in range(1000)]
    assert times == sorted(times)
    assert times[-1] - start < timedelta(minutes=1)
