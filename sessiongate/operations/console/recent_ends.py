"""How many sessions each visitor has ended lately: many by few at a time are many, too."""

from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
"""What was ended within it counts together."""


class RecentEnds:
    """Counts by the visitor's session. What is past the window is forgotten."""

    def __init__(self) -> None:
        self._ends: list[tuple[datetime, str, int]] = []

    def __len__(self) -> int:
        return len(self._ends)

    def lately(self, visitor: str, now: datetime) -> int:
        """How many the visitor of this session has ended within the window."""
        self._forget(now)
        return sum(count for _, key, count in self._ends if key == visitor)

    def note(self, visitor: str, count: int, now: datetime) -> None:
        """So many more are about to end."""
        self._forget(now)
        self._ends.append((now, visitor, count))

    def _forget(self, now: datetime) -> None:
        self._ends = [one for one in self._ends if one[0] > now - WINDOW]
