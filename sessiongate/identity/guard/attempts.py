"""Where a guard keeps its counters of failed tries: in this process, or in a shared store.

The port, and the one in this process, which stands on `identity.tally`. What counts against which,
and when a counter locks, is the same everywhere (`rules.lockout`).
"""

from datetime import datetime
from typing import Protocol

from sessiongate.identity.guard.attempt_counters import Counted, Lockout, Tally


class Try(Protocol):
    """One try under way. It ends by exactly one of these."""

    @property
    def returning(self) -> bool:
        """Whether the name had come in from this address lately when the try began."""
        ...

    async def failed(self, now: datetime) -> None:
        """It was wrong."""
        ...

    async def succeeded(self, now: datetime) -> None:
        """It was right, which forgives what came from this address, and makes it a known one."""
        ...

    async def unknown(self, now: datetime) -> None:
        """It had no outcome."""
        ...


class Tries(Protocol):
    """The counters of one provider. Raises StoreUnavailable where they cannot be asked."""

    async def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """Whether this name is locked for this address."""
        ...

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> Try | None:
        """Take a place for one try, atomically; None where there is none.

        `further`: under one more name, of a try that counts for its address already.
        """
        ...

    async def welcome(self, name: str, address: str, now: datetime) -> None:
        """Remember that a name has come in from here without a try.

        For a while (`rules.lockout.LATELY`) what fails here adds nothing to its total, and no lock
        by the total holds here.
        """
        ...

    async def unlock(self, name: str, now: datetime) -> bool:
        """Forget the failures of this name, from anywhere. False if there were none."""
        ...

    async def locked(self, now: datetime) -> dict[str, datetime]:
        """The names locked for somebody, and until when at the latest."""
        ...


class OwnTries:
    """Counters in this process. Nothing here ever waits."""

    def __init__(self, lockout: Lockout, tally: Tally | None = None) -> None:
        self._tally = Tally(lockout) if tally is None else tally

    async def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """As the tally says."""
        return self._tally.is_locked(name, address, now)

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> Try | None:
        """As the tally says."""
        begun = self._tally.begin(name, address, now, further=further)
        return None if begun is None else _OwnTry(self._tally, begun)

    async def welcome(self, name: str, address: str, now: datetime) -> None:
        """As the tally says."""
        self._tally.welcome(name, address, now)

    async def unlock(self, name: str, now: datetime) -> bool:
        """As the tally says."""
        return self._tally.unlock(name, now)

    async def locked(self, now: datetime) -> dict[str, datetime]:
        """As the tally says."""
        return self._tally.locked(now)


class _OwnTry:
    def __init__(self, tally: Tally, counted: Counted) -> None:
        self._tally = tally
        self._counted = counted
        self.returning = counted.returning

    async def failed(self, now: datetime) -> None:
        self._tally.failed(self._counted, now)

    async def succeeded(self, now: datetime) -> None:
        self._tally.succeeded(self._counted, now)

    async def unknown(self, now: datetime) -> None:
        self._tally.unknown(self._counted, now)
