"""Counters in bounded tables."""

from datetime import timedelta

import pytest

from sessiongate.identity.tally import Lockout, Tally
from tests.identity.fakes import NOON

MINUTE = timedelta(minutes=1)
HERE, THERE = "192.0.2.1", "192.0.2.2"


def fail(tally: Tally, name: str, address: str = HERE, times: int = 1) -> None:
    for _ in range(times):
        assert tally.begin(name, address, NOON)
        tally.failed(name, address, NOON)


def test_the_defaults_are_those_of_vsphere() -> None:
    assert Lockout() == Lockout(5, timedelta(seconds=180), timedelta(seconds=300))


def test_sec_25_a_pair_locks_first_and_the_name_much_later() -> None:
    tally = Tally(Lockout(attempts=2))
    for number in range(20):
        address = f"192.0.2.{number}"
        assert not tally.is_locked("alice", "198.51.100.1", NOON)
        fail(tally, "alice", address, 2)
        assert tally.is_locked("alice", address, NOON)
    assert tally.is_locked("alice", "198.51.100.1", NOON)
    assert not tally.begin("alice", "198.51.100.1", NOON)
    assert not tally.is_locked("bob", HERE, NOON)


def test_the_total_of_a_name_can_be_set() -> None:
    tally = Tally(Lockout(attempts=5, total_attempts=2))
    fail(tally, "alice", HERE)
    fail(tally, "alice", THERE)
    assert tally.is_locked("alice", "198.51.100.1", NOON)


def test_an_address_may_be_counted_over_all_names() -> None:
    tally = Tally(Lockout(address_attempts=3))
    for name in ("alice", "bob", "carl"):
        fail(tally, name)
    assert tally.is_locked("dora", HERE, NOON)
    assert not tally.is_locked("alice", THERE, NOON)


def test_a_success_forgives_its_own_address_only() -> None:
    tally = Tally(Lockout(attempts=2, total_attempts=3))
    fail(tally, "alice", HERE)
    fail(tally, "alice", THERE)
    assert tally.begin("alice", HERE, NOON)
    tally.succeeded("alice", HERE, NOON)
    fail(tally, "alice", HERE)
    assert tally.is_locked("alice", "198.51.100.1", NOON), "three failures in all"


def test_no_attempts_turn_all_counters_off() -> None:
    tally = Tally(Lockout(attempts=0, total_attempts=1, address_attempts=1))
    fail(tally, "alice", HERE, 50)
    assert not tally.is_locked("alice", HERE, NOON)
    assert len(tally) == 0


def test_unlocking_lets_a_name_try_again_from_anywhere() -> None:
    tally = Tally(Lockout(attempts=1))
    fail(tally, "alice", HERE)
    fail(tally, "alice", THERE)
    fail(tally, "bob", HERE)
    assert tally.locked(NOON) == {"alice": NOON + 5 * MINUTE, "bob": NOON + 5 * MINUTE}
    assert tally.unlock("alice")
    assert not tally.unlock("alice")
    assert not tally.is_locked("alice", HERE, NOON)
    assert list(tally.locked(NOON)) == ["bob"]
    assert tally.locked(NOON + 5 * MINUTE) == {}


def test_unlocking_does_not_give_out_places_twice() -> None:
    tally = Tally(Lockout(attempts=2))
    fail(tally, "alice")
    assert tally.begin("alice", HERE, NOON)
    assert tally.unlock("alice")
    assert tally.begin("alice", HERE, NOON)
    assert not tally.begin("alice", HERE, NOON), "two are under way"


def test_the_tables_are_bounded() -> None:
    tally = Tally(Lockout(attempts=2), size=10)
    for number in range(1000):
        fail(tally, f"name{number}", HERE)
    assert len(tally) == 20
    for number in range(1000):
        fail(tally, f"victim{number}", HERE, 2)
    assert len(tally) <= 40


def test_many_names_tried_once_push_out_neither_a_lock_nor_a_try_under_way() -> None:
    tally = Tally(Lockout(attempts=2), size=10)
    fail(tally, "locked", HERE, 2)
    assert tally.begin("tried", HERE, NOON)
    fail(tally, "failed", HERE)
    for number in range(100):
        fail(tally, f"name{number}", HERE)
    assert tally.is_locked("locked", HERE, NOON)
    fail(tally, "tried", HERE)
    assert not tally.begin("tried", HERE, NOON), "one under way and one failed"
    assert tally.begin("failed", HERE, NOON)
    assert tally.begin("failed", HERE, NOON), "the longest untouched was forgotten"


@pytest.mark.parametrize("outcome", ["failed", "succeeded", "unknown"])
def test_an_outcome_of_a_try_that_was_pushed_out_does_no_harm(outcome: str) -> None:
    tally = Tally(Lockout(attempts=2), size=1)
    assert tally.begin("alice", HERE, NOON)
    assert tally.begin("bob", HERE, NOON)
    getattr(tally, outcome)("alice", HERE, NOON)
    getattr(tally, outcome)("bob", HERE, NOON)
    assert tally.begin("alice", HERE, NOON)
