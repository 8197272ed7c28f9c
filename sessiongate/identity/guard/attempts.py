"""The counters of failed attempts in this process, behind the port that shared stores have too.

They stand on `attempt_counters`. What counts against which, and when a counter locks, is the same
everywhere (`rules.lockout`).
"""

from datetime import datetime

from sessiongate.identity.guard.attempt_counters import AttemptCounters, Counted, Lockout
from sessiongate.store.port import ReservedAttempt


class LocalAttempts:
    """Counters in this process. Nothing here ever waits."""

    def __init__(self, lockout: Lockout, tally: AttemptCounters | None = None) -> None:
        self._lockout = lockout
        self._tally = AttemptCounters(lockout) if tally is None else tally

    def empty(self) -> None:
        """Begin with new counters. Tries under way end at the old ones."""
        self._tally = AttemptCounters(self._lockout)

    async def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """As the tally says."""
        return self._tally.is_locked(name, address, now)

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> ReservedAttempt | None:
        """As the tally says."""
        begun = self._tally.begin(name, address, now, further=further)
        return None if begun is None else _LocalAttempt(self._tally, begun)

    async def welcome(self, name: str, address: str, now: datetime) -> None:
        """As the tally says."""
        self._tally.welcome(name, address, now)

    async def unlock(self, name: str, now: datetime) -> bool:
        """As the tally says."""
        return self._tally.unlock(name, now)

    async def locked(self, now: datetime) -> dict[str, datetime]:
        """As the tally says."""
        return self._tally.locked(now)


class _LocalAttempt:
    def __init__(self, tally: AttemptCounters, counted: Counted) -> None:
        self._tally = tally
        self._counted = counted
        self.returning = counted.returning

    async def failed(self, now: datetime) -> None:
        self._tally.failed(self._counted, now)

    async def succeeded(self, now: datetime) -> None:
        self._tally.succeeded(self._counted, now)

    async def unknown(self, now: datetime) -> None:
        self._tally.unknown(self._counted, now)
