"""Counters in this process keep the promises of all."""

from sessiongate.identity.guard.attempt_counters import AttemptCounters, Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.store.port import AttemptStore
from tests.identity.guard.attempts_contract import TriesContract


class TestOwn(TriesContract):
    async def make(self, lockout: Lockout) -> AttemptStore:
        return LocalAttempts(lockout)


class TestOwnInSmallTables(TriesContract):
    """The promises hold where a table has room for a fraction of what is tried."""

    async def make(self, lockout: Lockout) -> AttemptStore:
        return LocalAttempts(lockout, AttemptCounters(lockout, size=50))
