"""How old events are: by time that was seen to pass, not on the word of a clock that jumped.

A start with a clock far ahead (an empty battery, a machine that runs before its time service does)
looks like one after a long stop. Events deleted on its word stay deleted when the clock is right
again; events deleted a day later harm nobody. So ages go by the time that was believed last, and a
clock that is ahead of that by more than `JUMP` is believed once the server has run for `WAIT`.

What is believed is kept in a file, so that neither a restart with the wrong clock nor a server that
is restarted every day changes anything.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import structlog

from sessiongate.clock import Clock
from sessiongate.files import open_own, read_own

# A stop overnight, or a clock that takes local time for UTC (14 hours at most), makes no event much
# older than it is: such a step is believed at once.
JUMP = timedelta(days=1)

# Somebody notices within a day that the time is wrong, or a time service has put it right by then.
WAIT = timedelta(days=1)

# Asked once a second. Where much more lies between two questions the machine was asleep, or the
# clock has moved: that is not time that was seen to pass.
_SEEN_AT_MOST = timedelta(minutes=1)

# A restart repeats so much of the wait at most.
_KEEP_EVERY = timedelta(minutes=10)

_log = structlog.get_logger("sessiongate.audit")


class AgeClockState(msgspec.Struct, frozen=True):
    """The time that ages go by, and how long a clock that is far ahead of it has been watched."""

    time: Annotated[datetime, msgspec.Meta(tz=True)]
    watched: timedelta = timedelta(0)


def next_state(before: AgeClockState, now: datetime, passed: timedelta) -> AgeClockState:
    """What is believed of a clock that says `now`, when so much time was seen to pass."""
    watched = before.watched + passed
    if now - before.time <= JUMP or watched >= WAIT:
        return AgeClockState(now)
    return AgeClockState(before.time, watched)


class AgeClock:
    """The time that ages go by, as `path` has kept it.

    `seen` is the latest time in the store at the start, None where there is none: it stands in for
    a file that is not there or cannot be read. A server's clock ignores that the machine's is put
    right, so `wall` says what that is now, and the earlier of both counts.
    """

    def __init__(
        self, path: Path, clock: Clock, wall: Callable[[], datetime], seen: datetime | None
    ) -> None:
        self._path, self._clock, self._wall = path, clock, wall
        self._looked = self._kept = clock.now()
        now = min(self._looked, wall())
        self._believed = _read(path) or AgeClockState(min(now, seen or now))
        self._is_waiting: bool | None = None
        """Whether the clock is too far ahead to be believed; None before that was looked at."""
        self._keep()

    def time(self) -> datetime:
        """The time that ages go by now. Ask about once a second."""
        ticks = self._clock.now()
        passed = max(timedelta(0), min(ticks - self._looked, _SEEN_AT_MOST))
        self._looked = ticks
        now = min(ticks, self._wall())
        before, self._believed = self._believed, next_state(self._believed, now, passed)
        was_waiting, self._is_waiting = self._is_waiting, now - self._believed.time > JUMP
        if self._is_waiting and not was_waiting:
            _log.warning(
                "the clock is far ahead of when this server last ran; audit events are not yet"
                " deleted for their age",
                last=f"{before.time:%Y-%m-%dT%H:%M:%SZ}",
                clock=f"{now:%Y-%m-%dT%H:%M:%SZ}",
                hours_to_wait=round((WAIT - self._believed.watched) / timedelta(hours=1), 1),
            )
        is_due = ticks - self._kept >= _KEEP_EVERY
        if is_due:
            self._kept = ticks
        if is_due or self._is_waiting is not was_waiting:
            self._keep()
        return self._believed.time

    def _keep(self) -> None:
        """Not written, it makes the next start believe the store's latest time."""
        new = self._path.with_name(f"{self._path.name}.new")
        with suppress(OSError):
            with os.fdopen(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
                file.write(msgspec.json.encode(self._believed))
            new.replace(self._path)


def _read(path: Path) -> AgeClockState | None:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(read_own(path), type=AgeClockState)
    return None
