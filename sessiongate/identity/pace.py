"""How long something took lately, so that something else can take as long without the work."""

import secrets
from collections import deque

# Spans remembered: enough that a drawn one tells no more than a real one, few enough that a
# machine that has become busy is noticed within seconds.
KEPT = 64


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
