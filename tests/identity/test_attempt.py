"""One try, counted against each name of one person."""

import pytest

from sessiongate.errors import LockedOut
from sessiongate.identity.attempt import Attempt, Pretends, TakesAttempts
from sessiongate.identity.file import FileIdentity
from sessiongate.identity.tally import Lockout
from sessiongate.identity.tries import OwnTries
from tests.identity.fakes import NOON, FakeClock, FakeProvider

HERE = "192.0.2.1"


@pytest.mark.parametrize("outcome", ["failed", "succeeded", "unknown"])
async def test_all_names_get_the_outcome(outcome: str) -> None:
    tries = OwnTries(Lockout(attempts=1))
    attempt = Attempt(tries, HERE, FakeClock())
    await attempt.count("uid")
    await attempt.count("mail")
    await attempt.count("uid")  # counted already, and no second try
    assert await tries.begin("mail", HERE, NOON) is None, "under way"
    await getattr(attempt, outcome)()
    for name in ("uid", "mail"):
        assert await tries.is_locked(name, HERE, NOON) == (outcome == "failed")
        begun = await tries.begin(name, HERE, NOON)
        assert (begun is None) == (outcome == "failed")


async def test_a_name_without_a_try_left_refuses_and_the_others_are_told() -> None:
    tries = OwnTries(Lockout(attempts=2))
    first = Attempt(tries, HERE, FakeClock())
    for _ in range(2):
        assert await tries.begin("person", HERE, NOON)
    await first.count("alias")
    with pytest.raises(LockedOut):
        await first.count("person")
    await first.failed()
    assert not await tries.is_locked("alias", HERE, NOON), "one of two"


def test_which_providers_take_part() -> None:
    for kind in (TakesAttempts, Pretends):
        assert issubclass(FileIdentity, kind)
        assert not issubclass(FakeProvider, kind)
