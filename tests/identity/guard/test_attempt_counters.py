"""Counters in bounded tables."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.guard.attempt_counters import AttemptCounters, Lockout
from sessiongate.rules.lockout import LATELY
from tests.identity.fakes import NOON

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
HERE, THERE = "192.0.2.1", "192.0.2.2"


def fail(tally: AttemptCounters, name: str, address: str = HERE, times: int = 1) -> None:
    for _ in range(times):
        begun = tally.begin(name, address, NOON)
        assert begun
        tally.failed(begun, NOON)


def succeed(tally: AttemptCounters, name: str, address: str = HERE, at: datetime = NOON) -> None:
    begun = tally.begin(name, address, at)
    assert begun
    tally.succeeded(begun, at)


def test_the_defaults_are_those_of_vsphere() -> None:
    assert Lockout() == Lockout(5, timedelta(seconds=180), timedelta(seconds=300))


def test_sec_25_a_pair_locks_first_and_the_name_much_later() -> None:
    tally = AttemptCounters(Lockout(attempts=2))
    for number in range(20):
        address = f"192.0.2.{number}"
        assert not tally.is_locked("alice", "198.51.100.1", NOON)
        fail(tally, "alice", address, 2)
        assert tally.is_locked("alice", address, NOON)
    assert tally.is_locked("alice", "198.51.100.1", NOON)
    assert not tally.begin("alice", "198.51.100.1", NOON)
    assert not tally.is_locked("bob", HERE, NOON)


def test_the_total_of_a_name_can_be_set() -> None:
    tally = AttemptCounters(Lockout(attempts=5, total_attempts=2))
    fail(tally, "alice", HERE)
    fail(tally, "alice", THERE)
    assert tally.is_locked("alice", "198.51.100.1", NOON)


def test_an_address_may_be_counted_over_all_names() -> None:
    tally = AttemptCounters(Lockout(address_attempts=3))
    for name in ("alice", "bob", "carl"):
        fail(tally, name)
    assert tally.is_locked("dora", HERE, NOON)
    assert not tally.is_locked("alice", THERE, NOON)


def test_a_success_forgives_its_own_address_only() -> None:
    tally = AttemptCounters(Lockout(attempts=2, total_attempts=3))
    fail(tally, "alice", HERE)
    fail(tally, "alice", THERE)
    succeed(tally, "alice", HERE)
    fail(tally, "alice", "203.0.113.9")
    assert tally.is_locked("alice", "198.51.100.1", NOON), "three failures in all"


def test_no_attempts_turn_all_counters_off() -> None:
    tally = AttemptCounters(Lockout(attempts=0, total_attempts=1, address_attempts=1))
    fail(tally, "alice", HERE, 50)
    assert not tally.is_locked("alice", HERE, NOON)
    assert len(tally) == 0


def test_unlocking_lets_a_name_try_again_from_anywhere() -> None:
    tally = AttemptCounters(Lockout(attempts=1))
    fail(tally, "alice", HERE)
    fail(tally, "alice", THERE)
    fail(tally, "bob", HERE)
    assert tally.locked(NOON) == {"alice": NOON + 5 * MINUTE, "bob": NOON + 5 * MINUTE}
    assert tally.unlock("alice", NOON)
    assert not tally.unlock("alice", NOON)
    assert not tally.is_locked("alice", HERE, NOON)
    assert list(tally.locked(NOON)) == ["bob"]
    assert tally.locked(NOON + 5 * MINUTE) == {}


def test_unlocking_does_not_give_out_places_twice() -> None:
    tally = AttemptCounters(Lockout(attempts=2))
    fail(tally, "alice")
    assert tally.begin("alice", HERE, NOON)
    assert tally.unlock("alice", NOON)
    assert tally.begin("alice", HERE, NOON)
    assert not tally.begin("alice", HERE, NOON), "two are under way"


def test_the_tables_are_bounded() -> None:
    tally = AttemptCounters(Lockout(attempts=2), size=10)
    for number in range(1000):
        fail(tally, f"name{number}", HERE)
    assert len(tally) == 20
    for number in range(1000):
        fail(tally, f"victim{number}", HERE, 2)
    assert len(tally) <= 40


def test_many_names_tried_once_push_out_neither_a_lock_nor_a_try_under_way() -> None:
    tally = AttemptCounters(Lockout(attempts=2), size=10)
    fail(tally, "locked", HERE, 2)
    assert tally.begin("tried", HERE, NOON)
    for number in range(100):
        fail(tally, f"name{number}", HERE)
    assert tally.is_locked("locked", HERE, NOON)
    fail(tally, "tried", HERE)
    assert not tally.begin("tried", HERE, NOON), "one under way and one failed"


@pytest.mark.parametrize("outcome", ["failed", "succeeded", "unknown"])
def test_an_outcome_of_a_try_that_was_pushed_out_does_no_harm(outcome: str) -> None:
    tally = AttemptCounters(Lockout(attempts=3), size=1)
    alice, bob = tally.begin("alice", HERE, NOON), tally.begin("bob", HERE, NOON)
    getattr(tally, outcome)(alice, NOON)
    getattr(tally, outcome)(bob, NOON)
    assert tally.begin("alice", HERE, NOON)


# 84: names that nobody has free nobody


@pytest.mark.parametrize("each", [1, 2, 5], ids=lambda each: f"{each} failures each")
@pytest.mark.parametrize("spread", ["one address", "an address each"])
def test_sec_84_no_number_of_other_names_frees_a_guesser(each: int, spread: str) -> None:
    """Between any two guesses of a name five times the table's size of other names fail."""
    tally = AttemptCounters(Lockout(total_attempts=7), size=40)
    strangers = count()

    def flood() -> None:
        for _ in range(200):
            number = next(strangers)
            away = HERE if spread == "one address" else f"10.0.{number // 250}.{number % 250}"
            fail(tally, f"stranger{number}", away, each)

    for _ in range(5):
        fail(tally, "alice")
        flood()
    assert tally.is_locked("alice", HERE, NOON)
    assert tally.begin("alice", HERE, NOON) is None
    # Neither is the count of all addresses together lost: seven, not one more.
    fail(tally, "alice", THERE)
    flood()
    fail(tally, "alice", "198.51.100.1")
    flood()
    assert tally.begin("alice", "198.51.100.2", NOON) is None
    assert not tally.is_locked("bob", HERE, NOON)
    assert len(tally) <= 2 * 3 * 40


def test_sec_84_a_try_under_way_is_not_lost_in_a_flood_of_tries_under_way() -> None:
    tally = AttemptCounters(Lockout(attempts=2), size=10)
    for _ in range(2):
        assert tally.begin("alice", HERE, NOON)
        for number in range(100):
            tally.begin(f"stranger{number}", HERE, NOON)
    assert tally.begin("alice", HERE, NOON) is None


def test_sec_84_what_was_pushed_out_counts_no_longer_than_twice_its_time() -> None:
    tally = AttemptCounters(Lockout(), size=5)
    fail(tally, "alice", HERE, 5)
    for number in range(50):
        fail(tally, f"stranger{number}", HERE, 5)
    assert tally.is_locked("alice", HERE, NOON + 5 * MINUTE - INSTANT)
    assert not tally.is_locked("alice", HERE, NOON + 10 * MINUTE)


def test_sec_84_an_administrator_frees_who_was_pushed_out() -> None:
    tally = AttemptCounters(Lockout(total_attempts=5), size=5)
    fail(tally, "alice", HERE, 5)
    for number in range(50):
        fail(tally, f"stranger{number}", HERE, 5)
    assert tally.unlock("alice", NOON)
    assert not tally.is_locked("alice", HERE, NOON)
    fail(tally, "alice", HERE, 4)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 5)), max_size=150))
def test_sec_84_a_small_table_never_allows_more_than_a_large_one(
    tries: list[tuple[str, int]],
) -> None:
    """Whatever is tried in whatever order: who is locked with room for all is locked with none."""
    small, large = (
        AttemptCounters(Lockout(attempts=3), size=2),
        AttemptCounters(Lockout(attempts=3), size=1000),
    )
    for name, away in tries:
        address = f"192.0.2.{away}"
        if begun := large.begin(name, address, NOON):
            large.failed(begun, NOON)
        if begun := small.begin(name, address, NOON):
            small.failed(begun, NOON)
        assert small.is_locked(name, address, NOON) >= large.is_locked(name, address, NOON)


# 82: an address from which a name has come in lately


def test_sec_82_an_owner_comes_in_from_where_he_came_in_lately() -> None:
    tally = AttemptCounters(Lockout())
    succeed(tally, "alice", "2001:db8:0:1::1", NOON - LATELY + INSTANT)
    for number in range(20):
        fail(tally, "alice", f"192.0.2.{number}", 5)
    assert tally.is_locked("alice", "198.51.100.1", NOON), "an address that nobody knows"
    # The whole network that is one host, and nothing beside it.
    assert not tally.is_locked("alice", "2001:db8:0:1::abcd", NOON)
    assert tally.is_locked("alice", "2001:db8:0:2::1", NOON)
    succeed(tally, "alice", "2001:db8:0:1::2")


def test_sec_82_a_known_address_locks_by_itself_and_adds_nothing_to_the_total() -> None:
    tally = AttemptCounters(Lockout(attempts=2, total_attempts=3))
    succeed(tally, "alice", HERE)
    fail(tally, "alice", HERE, 2)
    assert tally.begin("alice", HERE, NOON) is None
    fail(tally, "alice", THERE, 2)
    assert not tally.is_locked("alice", "198.51.100.1", NOON), "two of three"


def test_sec_82_a_success_of_long_ago_or_of_another_name_is_none() -> None:
    tally = AttemptCounters(Lockout(total_attempts=5))
    succeed(tally, "alice", THERE, NOON - LATELY)
    succeed(tally, "bob", THERE)
    fail(tally, "alice", HERE, 5)
    assert tally.is_locked("alice", THERE, NOON)
    assert not tally.is_locked("bob", THERE, NOON)


def test_sec_82_who_came_in_without_a_try_is_known_as_well() -> None:
    tally = AttemptCounters(Lockout(total_attempts=5))
    tally.welcome("alice", THERE, NOON)
    fail(tally, "alice", HERE, 5)
    assert not tally.is_locked("alice", THERE, NOON)
