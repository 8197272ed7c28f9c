"""Time comes in by the door: everything that needs the hour is handed a Clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is. Never runs backwards within one process."""

    def now(self) -> datetime:
        """The time, as an aware UTC datetime."""
        ...


class ServerClock(Clock, Protocol):
    """A clock that a server may start with."""

    def not_before(self, floor: datetime) -> None:
        """Move on to `floor` where that is later: a store tells what time it has already seen."""
        ...


def machine_time() -> datetime:
    """What the machine's clock says now, steps and all; for what others judge by theirs."""
    return datetime.now(UTC)


class SystemClock:
    """Wall time at the start, carried on by the machine's boot clock.

    A wall clock that is set back must not revive a session, and one that is set forward must not
    end all of them. So steps of the wall clock are ignored until the next start; slow corrections
    (slewing) reach the boot clock too. `floor` is a time already seen by an earlier process: this
    clock starts no earlier.
    """

    def __init__(self, floor: datetime | None = None) -> None:
        start = datetime.now(UTC)
        self._start = max(start, floor) if floor else start
        self._ticks = _boot_time()

    def now(self) -> datetime:
        """The time, as an aware UTC datetime."""
        return self._start + _MICROSECOND * ((_boot_time() - self._ticks) // 1000)

    def not_before(self, floor: datetime) -> None:
        """Move on to `floor` where that is later: a store tells what time it has already seen."""
        behind = floor - self.now()
        if behind > timedelta(0):
            self._start += behind


# A product is made in less than half the time of timedelta(microseconds=...); every check asks.
_MICROSECOND = timedelta(microseconds=1)

# CLOCK_MONOTONIC stands still while a machine sleeps; CLOCK_BOOTTIME (Linux) does not.
_CLOCK_ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _boot_time() -> int:
    return time.clock_gettime_ns(_CLOCK_ID)
