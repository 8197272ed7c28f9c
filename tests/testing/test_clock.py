"""The fake clock moves only when told to."""

from datetime import timedelta

from sessiongate.testing import (
    T0,
    FakeClock,
)


def test_the_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    assert clock.now() == clock.now() == T0
    clock.tick(timedelta(minutes=1))
    clock.not_before(T0)
    assert clock.now() == T0 + timedelta(minutes=1)
    clock.not_before(T0 + timedelta(hours=1))
    assert clock.now() == T0 + timedelta(hours=1)
