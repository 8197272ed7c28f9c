"""Clocks that tests set."""

from datetime import UTC, datetime, timedelta
from threading import Lock

import msgspec

from sessiongate.clock import SystemClock

T0 = datetime(2026, 1, 1, tzinfo=UTC)
"""When the stories of the contracts begin."""


TICK = timedelta(microseconds=1)
"""The smallest step of time: what separates a limit from the moment before it."""


LATEST = datetime(3000, 1, 1, tzinfo=UTC)
"""As far as a server's clock goes ahead: what limits add to it has to be a time as well."""


class FakeClock:
    """A clock that moves only when it is set."""

    def __init__(self, start: datetime = T0) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time that was set."""
        return self._now

    def tick(self, by: timedelta) -> None:
        """Move on, or back where `by` is negative."""
        self._now += by

    def not_before(self, floor: datetime) -> None:
        """Move on to `floor` where that is later."""
        self._now = max(self._now, floor)


class TravelClock:
    """The system's clock, which may be sent ahead and held. Never goes backwards, but for `reset`.

    To be used from any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._system = SystemClock()
        self._ahead = timedelta(0)
        self._held: datetime | None = None

    def now(self) -> datetime:
        """The time, as an aware UTC datetime."""
        with self._lock:
            return self._held or self._system.now() + self._ahead

    def advance(self, by: timedelta) -> None:
        """Go ahead. Raises ValueError for a step back, by which sessions would come to life again,
        and for one past `LATEST`.
        """
        if by < timedelta(0):
            raise ValueError("the clock of a server goes forward only; reset() begins anew")
        if by > LATEST - self.now():
            raise ValueError(f"the clock of a server goes no further than {LATEST:%Y-%m-%d}")
        with self._lock:
            self._ahead += by
            if self._held is not None:
                self._held += by

    def freeze(self) -> None:
        """Stand still from now on, but for steps ahead."""
        now = self.now()
        with self._lock:
            self._held = now

    def reset(self) -> None:
        """The system's time again. For a server that remembers nothing of before."""
        with self._lock:
            self._ahead, self._held = timedelta(0), None

    def not_before(self, floor: datetime) -> None:
        """Move on to `floor` where that is later."""
        self.advance(max(timedelta(0), floor - self.now()))


class Advanced(msgspec.Struct, frozen=True):
    """What came of a step ahead in time."""

    now: datetime
    ended: int
    """Sessions whose time was up by then."""
