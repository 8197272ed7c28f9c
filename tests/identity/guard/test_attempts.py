"""Counters in this process keep the promises of all."""

from sessiongate.identity.guard.attempt_counters import AttemptCounters, Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.store.port import AttemptStore
from sessiongate.testing import AttemptsContract, Policies


def lockout_of(policies: Policies) -> Lockout:
    one, every, place = (policy.attempts for policy in policies)
    return Lockout(attempts=one, total_attempts=every, address_attempts=place)


class TestOwn(AttemptsContract):
    async def make(self, policies: Policies) -> AttemptStore:
        return LocalAttempts(lockout_of(policies))


class TestOwnInSmallTables(AttemptsContract):
    """The promises hold where a table has room for a fraction of what is tried."""

    async def make(self, policies: Policies) -> AttemptStore:
        lockout = lockout_of(policies)
        return LocalAttempts(lockout, AttemptCounters(lockout, size=50))
