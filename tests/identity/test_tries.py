"""Counters in this process keep the promises of all."""

from sessiongate.identity.tally import Lockout
from sessiongate.identity.tries import OwnTries, Tries
from tests.identity.tries_contract import TriesContract


class TestOwn(TriesContract):
    async def make(self, lockout: Lockout) -> Tries:
        return OwnTries(lockout)
