"""How long something took lately, so that something else can take as long without the work."""

import secrets
from collections import deque

# Spans remembered: enough for their spread, few enough that a machine that has become busy, or idle
# again, is noticed at once.
KEPT = 16


# Seconds by which a timer rings late where nothing is in its way.
_MOST_LATE = 0.002


class Lateness:
    """By how much timers ring late on average, in seconds, to be taken off the next.

    Those of the system some 0.06 ms, those of an event loop up to a millisecond. Who compares many
    refusals would see it.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def note(self, late: float) -> None:
        """One rang so late, with the correction so far. What is far off says nothing of timers."""
        self.seconds += max(-_MOST_LATE, min(late, _MOST_LATE)) / 16


class Pace:
    """Spans of late, in seconds."""

    def __init__(self, kept: int = KEPT) -> None:
        self._spans: deque[float] = deque(maxlen=kept)

    def note(self, seconds: float) -> None:
        """One more that was really spent."""
        self._spans.append(seconds)

    def like_one(self) -> float | None:
        """A span as one of the last took, drawn by chance; None while there was none."""
        # Drawn, not the mean: who compares many must find the same spread, too.
        return secrets.choice(tuple(self._spans)) if self._spans else None
