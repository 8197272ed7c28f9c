"""The last hour in steps of five seconds and the last day in minutes, in some 100 kB of memory.

It begins anew with each process, and each process has its own.
"""

from array import array
from collections.abc import Sequence

import msgspec

from sessiongate.telemetry.samples import SERIES, UNKNOWN, Snapshot, between


class Scale(msgspec.Struct, frozen=True):
    """How fine, and how far back."""

    step: int
    """Seconds."""
    length: int
    """Steps."""


HOUR, DAY = Scale(5, 720), Scale(60, 1440)


class Ring:
    """The last steps of one scale; those from which there is nothing are UNKNOWN."""

    def __init__(self, scale: Scale, width: int = len(SERIES)) -> None:
        self.scale = scale
        self._width = width
        self._values = array("f", [UNKNOWN]) * (scale.length * width)
        self._last: int | None = None
        """Number of the newest step, since 1970."""

    def put(self, step: int, values: Sequence[float]) -> None:
        """Keep the values of this step. One that is not after the newest is left out."""
        if self._last is not None:
            if step <= self._last:
                return
            for skipped in range(max(self._last + 1, step - self.scale.length + 1), step):
                self._write(skipped, [UNKNOWN] * self._width)
        self._write(step, values)
        self._last = step

    def until(self) -> int | None:
        """When the newest step ends, in seconds since 1970. None: there is none."""
        return None if self._last is None else (self._last + 1) * self.scale.step

    def series(self, number: int) -> list[float]:
        """The values of one series, oldest first, as many as the scale has steps."""
        last = self._last if self._last is not None else -1
        steps = range(last - self.scale.length + 1, last + 1)
        return [self._values[self._place(step) + number] for step in steps]

    def _write(self, step: int, values: Sequence[float]) -> None:
        place = self._place(step)
        self._values[place : place + self._width] = array("f", values)

    def _place(self, step: int) -> int:
        return step % self.scale.length * self._width


class Timeline:
    """Both scales, filled from snapshots. Call `look` about once a second."""

    def __init__(self) -> None:
        self.rings = (Ring(HOUR), Ring(DAY))
        self.began: float | None = None
        """When the first snapshot came, in seconds since 1970."""
        self._before: list[tuple[int, Snapshot] | None] = [None, None]

    def is_due(self, at: float) -> bool:
        """Whether a step has ended since the last look, so that a snapshot is wanted."""
        return any(
            before is None or before[0] != int(at // ring.scale.step)
            for ring, before in zip(self.rings, self._before, strict=True)
        )

    def look(self, at: float, now: Snapshot) -> None:
        """Take this snapshot of the moment `at`, in seconds since 1970."""
        if self.began is None:
            self.began = at
        for number, ring in enumerate(self.rings):
            step, before = int(at // ring.scale.step), self._before[number]
            if before is not None and before[0] == step:
                continue
            if before is not None:
                ring.put(step - 1, between(before[1], now))
            self._before[number] = step, now
