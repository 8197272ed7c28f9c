"""A clock that tests set."""

from datetime import UTC, datetime, timedelta

T0 = datetime(2026, 1, 1, tzinfo=UTC)
"""When the stories of the contracts begin."""


TICK = timedelta(microseconds=1)
"""The smallest step of time: what separates a limit from the moment before it."""


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime = T0) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time it was told."""
        return self._now

    def tick(self, by: timedelta) -> None:
        """Move on, or back where `by` is negative."""
        self._now += by

    def not_before(self, floor: datetime) -> None:
        """Move on to `floor` where that is later."""
        self._now = max(self._now, floor)
