"""Says in the log how many audit events were deleted for their age: at once, then once an hour."""

from datetime import datetime, timedelta

import structlog

# Where every second has its events, every second a year later has some that are too old.
EVERY = timedelta(hours=1)

_log = structlog.get_logger("sessiongate.audit")


class DeletedByAge:
    """Counts events of all chains that were deleted for their age. Others may count by a thread."""

    def __init__(self) -> None:
        self._count = 0
        self._reported = 0
        self._next: datetime | None = None

    def add(self, events: int) -> None:
        """So many more. From one thread only."""
        self._count += events

    def report(self, now: datetime | None) -> None:
        """Say how many there were since the last line, if an hour is over. Call it often."""
        count = self._count - self._reported
        if not count or now is None or (self._next is not None and now < self._next):
            return
        self._reported += count
        self._next = now + EVERY
        _log.info("audit events deleted for their age", events=count, setting="audit.max_age")
