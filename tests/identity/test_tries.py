"""Counters in this process keep the promises of all."""

from sessiongate.identity.tally import Lockout, Tally
from sessiongate.identity.tries import OwnTries, Tries
from tests.identity.tries_contract import TriesContract


class TestOwn(TriesContract):
    async def make(self, lockout: Lockout) -> Tries:
        return OwnTries(lockout)


class TestOwnInSmallTables(TriesContract):
    """The promises hold where a table has room for a fraction of what is tried."""

    async def make(self, lockout: Lockout) -> Tries:
        return OwnTries(lockout, Tally(lockout, size=50))
