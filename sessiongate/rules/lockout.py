"""When a name, or a name from one address, may not be tried any more.

A counter is a value; each function says what it is after something happened. Who keeps the
counters, and which tries count against which, is the guard's business (`identity.guard`).

A limit just reached has passed: a failure exactly `window` old is forgotten, and a lock is open
again at `until` itself.
"""

from datetime import datetime, timedelta

import msgspec

LATELY = timedelta(days=14)
"""How long an address from which a name has come in is known for it. A job that runs once a week
is known by its last run even where it missed one; an address handed on to somebody else is not
known for a season."""

PLACES = 16
"""How many places of one name are known for it. An account that is used from more hosts than this
is a service's, and the hosts that it used last are those that matter."""


class Policy(msgspec.Struct, frozen=True):
    """After so many failures within `window`, no more tries for `duration`. 0 attempts: never."""

    attempts: int
    window: timedelta
    duration: timedelta


class AttemptCount(msgspec.Struct, frozen=True):
    """What is remembered of one counter: failures still in the window, tries under way, a lock."""

    failed_at: tuple[datetime, ...] = ()
    under_way: int = 0
    until: datetime | None = None


NO_ATTEMPTS = AttemptCount()


def is_locked(tries: AttemptCount, now: datetime) -> bool:
    """Whether a lock holds at this moment."""
    return tries.until is not None and now < tries.until


def may_try(tries: AttemptCount, policy: Policy, now: datetime) -> bool:
    """Whether one more try may begin. Tries under way count as if they had failed already.

    Otherwise many tries at once would all be let through before the first of them fails.
    """
    if not policy.attempts:
        return True
    if is_locked(tries, now):
        return False
    return len(_recent(tries, policy, now)) + tries.under_way < policy.attempts


def began(tries: AttemptCount) -> AttemptCount:
    """A try has begun. Each is followed by one of `failed`, `succeeded` or `unknown`."""
    return msgspec.structs.replace(tries, under_way=tries.under_way + 1)


def failed(tries: AttemptCount, policy: Policy, now: datetime) -> AttemptCount:
    """A try has failed. The failure that fills the window locks; a lock is never made longer."""
    under_way = max(0, tries.under_way - 1)
    if not policy.attempts:
        return AttemptCount(under_way=under_way)
    if is_locked(tries, now):
        return msgspec.structs.replace(tries, under_way=under_way)
    failures = (*_recent(tries, policy, now), now)
    if len(failures) >= policy.attempts:
        return AttemptCount(under_way=under_way, until=now + policy.duration)
    return AttemptCount(failures, under_way)


def succeeded(tries: AttemptCount) -> AttemptCount:
    """A try had the right password: its failures are forgotten, a lock that came since is not."""
    return AttemptCount(under_way=max(0, tries.under_way - 1), until=tries.until)


def unknown(tries: AttemptCount) -> AttemptCount:
    """A try had no outcome (the directory is down): neither a failure nor a success."""
    return msgspec.structs.replace(tries, under_way=max(0, tries.under_way - 1))


def is_idle(tries: AttemptCount, policy: Policy, now: datetime) -> bool:
    """Whether nothing of it is worth remembering any more."""
    return not (tries.under_way or is_locked(tries, now) or _recent(tries, policy, now))


def counted(tries: AttemptCount, policy: Policy, now: datetime) -> int:
    """All that counts of it as one number; those of a lock are the policy's attempts."""
    if is_locked(tries, now):
        return policy.attempts
    return min(policy.attempts, len(_recent(tries, policy, now)) + tries.under_way)


def recalled(failures: int, policy: Policy, at: datetime) -> AttemptCount:
    """The counter of which only that number is left, and that it is no younger than `at`."""
    if not failures or not policy.attempts:
        return NO_ATTEMPTS
    if failures >= policy.attempts:
        return AttemptCount(until=at + policy.duration)
    return AttemptCount((at,) * failures)


def is_lately(succeeded_at: datetime | None, now: datetime) -> bool:
    """Whether a success at that time, None for none, still makes its address a known one."""
    return succeeded_at is not None and now - succeeded_at < LATELY


def _recent(tries: AttemptCount, policy: Policy, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in tries.failed_at if now - at < policy.window)
