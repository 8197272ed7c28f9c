"""A pause after each failure, longer from one to the next, and no two pauses of one length."""

from collections.abc import Callable, Sequence
from secrets import SystemRandom

UNREACHABLE = (1.0, 2.0, 4.0, 5.0)
"""Seconds, for a server that does not answer. The last one goes on."""

_uniform = SystemRandom().uniform


class Backoff:
    """Whether something may be tried. `now` is in seconds, as all is here."""

    def __init__(
        self, now: Callable[[], float], seconds: Sequence[float] = UNREACHABLE, spread: float = 0.2
    ) -> None:
        """A pause is longer or shorter by up to this `spread` of it."""
        self._now = now
        self._seconds = seconds
        self._spread = spread
        self._failures = 0
        self._until = 0.0

    @property
    def left(self) -> float:
        """How long nothing is to be tried; 0 for no longer."""
        return max(0.0, self._until - self._now()) if self._failures else 0.0

    def failed(self) -> None:
        """It was tried, and failed."""
        pause = self._seconds[min(self._failures, len(self._seconds) - 1)]
        self._failures += 1
        self._until = self._now() + pause * _uniform(1 - self._spread, 1 + self._spread)

    def reset(self) -> None:
        """It has come out well, or somebody wants it to be tried now."""
        self._failures = 0
