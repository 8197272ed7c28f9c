"""Counters in this process keep the promises of all."""

from sessiongate.identity.guard.attempt_counters import Lockout, Tally
from sessiongate.identity.guard.attempts import OwnTries
from sessiongate.store.port import Tries
from tests.identity.guard.attempts_contract import TriesContract


class TestOwn(TriesContract):
    async def make(self, lockout: Lockout) -> Tries:
        return OwnTries(lockout)


class TestOwnInSmallTables(TriesContract):
    """The promises hold where a table has room for a fraction of what is tried."""

    async def make(self, lockout: Lockout) -> Tries:
        return OwnTries(lockout, Tally(lockout, size=50))
