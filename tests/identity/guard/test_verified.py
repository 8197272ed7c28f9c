"""Verified credentials: kept briefly, in bounded space, under a key of this process."""

from datetime import timedelta

import pytest

from sessiongate.identity.guard.verified import LONGEST_KEEP, VerifiedCredentials
from sessiongate.secret import Secret
from sessiongate.testing import FakeClock
from tests.identity.fakes import NOON, PASSWORD, WRONG, principal

MINUTE = timedelta(minutes=1)
ALICE = principal("alice")


def test_a_success_is_kept_for_its_time_however_often_used() -> None:
    clock = FakeClock(NOON)
    verified = VerifiedCredentials(clock, 2 * MINUTE)
    key = verified.key("local", "alice", PASSWORD)
    assert verified.get(key) is None
    verified.keep(key, "alice", ALICE)
    clock.tick(2 * MINUTE - timedelta(microseconds=1))
    assert verified.get(key) == ALICE
    clock.tick(timedelta(microseconds=1))
    assert verified.get(key) is None
    assert len(verified) == 0


def test_any_difference_is_another_credential() -> None:
    verified = VerifiedCredentials(FakeClock(NOON))
    keys = {
        verified.key("local", "alice", PASSWORD, "1"),
        verified.key("local", "alice", PASSWORD, "2"),
        verified.key("local", "alice", WRONG, "1"),
        verified.key("local", "bob", PASSWORD, "1"),
        verified.key("corp", "alice", PASSWORD, "1"),
        verified.key("local", "ali", Secret("ce"), "1"),
        verified.key("local", "al", Secret("ice"), "1"),
        verified.key("local", "alice", Secret("\ud800"), "1"),
        VerifiedCredentials(FakeClock(NOON)).key("local", "alice", PASSWORD, "1"),
    }
    assert len(keys) == 9


def test_a_name_is_dropped_with_all_its_credentials() -> None:
    verified = VerifiedCredentials(FakeClock(NOON))
    one, two = (verified.key("local", "alice", Secret(text)) for text in "12")
    other = verified.key("local", "bob", PASSWORD)
    verified.keep(one, "alice", ALICE)
    verified.keep(two, "alice@corp", ALICE)
    verified.keep(other, "bob", principal("bob"))
    verified.drop("alice")
    assert (verified.get(one), verified.get(two)) == (None, None)
    assert verified.get(other) == principal("bob")
    verified.drop("alice@corp")
    verified.drop("nobody")
    assert len(verified) == 1


def test_the_oldest_leave_first() -> None:
    clock = FakeClock(NOON)
    verified = VerifiedCredentials(clock, size=2)
    keys = [verified.key("local", name, PASSWORD) for name in "abc"]
    for name, key in zip("abc", keys, strict=True):
        verified.keep(key, name, principal(name))
    assert [verified.get(key) is None for key in keys] == [True, False, False]
    clock.tick(LONGEST_KEEP)
    verified.keep(keys[0], "a", principal("a"))
    assert len(verified) == 1, "what has expired leaves without being asked for"


def test_a_keep_of_nothing_keeps_nothing() -> None:
    verified = VerifiedCredentials(FakeClock(NOON), timedelta(0))
    key = verified.key("local", "alice", PASSWORD)
    verified.keep(key, "alice", ALICE)
    assert verified.get(key) is None


@pytest.mark.parametrize("keep", [LONGEST_KEEP + timedelta(microseconds=1), -MINUTE])
def test_a_keep_beyond_the_longest_is_refused(keep: timedelta) -> None:
    with pytest.raises(ValueError, match="at most"):
        VerifiedCredentials(FakeClock(NOON), keep)
