"""One try, counted against each name of one person."""

import pytest

from sessiongate.errors import BadCredentials, LockedOut
from sessiongate.identity.guard.attempt import Attempt, Pretends, TakesAttempts
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.ldap.provider import LdapIdentity
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.vcenter.provider import VCenterIdentity
from sessiongate.testing import FakeClock
from tests.identity.fakes import NOON, FakeProvider

HERE = "192.0.2.1"


def no_guess() -> BadCredentials:
    return BadCredentials("the password has expired", guess=False)


@pytest.mark.parametrize("outcome", ["failed", "succeeded", "unknown"])
async def test_all_names_get_the_outcome(outcome: str) -> None:
    tries = LocalAttempts(Lockout(attempts=1))
    attempt = Attempt(tries, HERE, FakeClock(NOON))
    await attempt.count("uid")
    await attempt.count("mail")
    await attempt.count("uid")  # counted already, and no second try
    assert await tries.begin("mail", HERE, NOON) is None, "under way"
    await getattr(attempt, outcome)()
    for name in ("uid", "mail"):
        assert await tries.is_locked(name, HERE, NOON) == (outcome == "failed")
        begun = await tries.begin(name, HERE, NOON)
        assert (begun is None) == (outcome == "failed")


async def test_sec_77_a_name_without_a_try_left_refuses_and_the_others_pay_nothing() -> None:
    tries = LocalAttempts(Lockout(attempts=2))
    first = Attempt(tries, HERE, FakeClock(NOON))
    for _ in range(2):
        assert await tries.begin("person", HERE, NOON)
    await first.count("alias")
    with pytest.raises(LockedOut) as full:
        await first.count("person")
    await first.refused(full.value)
    for _ in range(2):
        assert await tries.begin("alias", HERE, NOON), "none of two is used up"


@pytest.mark.parametrize(
    ("error", "counts"),
    [(BadCredentials("no"), True), (LockedOut("at the directory"), True), (no_guess(), False)],
)
async def test_sec_77_only_a_guess_counts(error: BadCredentials | LockedOut, counts: bool) -> None:
    tries = LocalAttempts(Lockout(attempts=1))
    attempt = Attempt(tries, HERE, FakeClock(NOON))
    await attempt.count("uid")
    await attempt.count("mail")
    assert attempt.names == {"uid", "mail"}
    await attempt.refused(error)
    for name in attempt.names:
        assert await tries.is_locked(name, HERE, NOON) is counts
        assert (await tries.begin(name, HERE, NOON) is None) is counts


def test_which_providers_take_part() -> None:
    assert issubclass(LdapIdentity, TakesAttempts)
    assert issubclass(VCenterIdentity, TakesAttempts)
    for kind in (TakesAttempts, Pretends):
        assert issubclass(FileIdentity, kind)
        assert not issubclass(FakeProvider, kind)
