"""The lockout's arithmetic: each rule is a line."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.lockout import (
    NO_ATTEMPTS,
    AttemptCount,
    Policy,
    began,
    failed,
    is_idle,
    is_locked,
    may_try,
    succeeded,
    unknown,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
THREE = Policy(attempts=3, window=3 * MINUTE, duration=5 * MINUTE)
OFF = Policy(attempts=0, window=3 * MINUTE, duration=5 * MINUTE)


def wrong(times: int, tries: AttemptCount = NO_ATTEMPTS, at: datetime = NOON) -> AttemptCount:
    for _ in range(times):
        tries = failed(began(tries), THREE, at)
    return tries


def test_the_last_allowed_failure_locks() -> None:
    assert may_try(wrong(2), THREE, NOON)
    assert not is_locked(wrong(2), NOON)
    assert is_locked(wrong(3), NOON)
    assert not may_try(wrong(3), THREE, NOON)


def test_a_lock_opens_at_its_end_itself_with_all_tries_anew() -> None:
    locked = wrong(3)
    assert is_locked(locked, NOON + 5 * MINUTE - INSTANT)
    assert not is_locked(locked, NOON + 5 * MINUTE)
    again = wrong(2, locked, NOON + 5 * MINUTE)
    assert may_try(again, THREE, NOON + 5 * MINUTE)
    assert is_locked(wrong(1, again, NOON + 5 * MINUTE), NOON + 5 * MINUTE)


def test_a_failure_is_forgotten_after_the_window() -> None:
    two = wrong(2)
    assert is_locked(wrong(1, two, NOON + 3 * MINUTE - INSTANT), NOON + 3 * MINUTE)
    assert not is_locked(wrong(1, two, NOON + 3 * MINUTE), NOON + 3 * MINUTE)


def test_the_window_slides() -> None:
    tries = wrong(1, wrong(1), NOON + 2 * MINUTE)
    tries = wrong(1, tries, NOON + 4 * MINUTE)
    assert not is_locked(tries, NOON + 4 * MINUTE)
    assert is_locked(wrong(1, tries, NOON + 4 * MINUTE), NOON + 4 * MINUTE)


def test_a_failure_under_lock_does_not_make_it_longer() -> None:
    late = failed(began(wrong(3)), THREE, NOON + MINUTE)
    assert late.until == NOON + 5 * MINUTE
    assert late.under_way == 0


def test_sec_23_tries_under_way_count_as_failed() -> None:
    tries = began(wrong(1))
    assert may_try(tries, THREE, NOON)
    assert not may_try(began(tries), THREE, NOON)


def test_a_try_without_outcome_gives_its_place_back() -> None:
    assert unknown(began(wrong(2))) == wrong(2)


def test_a_success_forgets_the_failures_and_keeps_a_lock() -> None:
    assert succeeded(began(wrong(2))) == NO_ATTEMPTS
    assert is_locked(succeeded(began(wrong(3))), NOON)


def test_no_attempts_means_no_lockout() -> None:
    tries = NO_ATTEMPTS
    for _ in range(100):
        assert may_try(tries, OFF, NOON)
        tries = failed(began(tries), OFF, NOON)
    assert tries == NO_ATTEMPTS


def test_a_counter_is_idle_when_nothing_of_it_counts() -> None:
    assert is_idle(NO_ATTEMPTS, THREE, NOON)
    assert not is_idle(began(NO_ATTEMPTS), THREE, NOON)
    assert not is_idle(wrong(1), THREE, NOON)
    assert is_idle(wrong(1), THREE, NOON + 3 * MINUTE)
    assert not is_idle(wrong(3), THREE, NOON + 3 * MINUTE)
    assert is_idle(wrong(3), THREE, NOON + 5 * MINUTE)


@given(st.lists(st.sampled_from(["begin", "fail", "succeed", "unknown", "wait"]), max_size=60))
def test_sec_23_no_order_of_events_lets_more_than_the_allowed_begin(events: list[str]) -> None:
    """Between two successes or forgotten failures, at most `attempts` tries are out or failed."""
    tries, now = NO_ATTEMPTS, NOON
    for event in events:
        if event == "begin" and may_try(tries, THREE, now):
            tries = began(tries)
        elif event == "wait":
            now += MINUTE
        elif tries.under_way and event == "fail":
            tries = failed(tries, THREE, now)
        elif tries.under_way and event == "succeed":
            tries = succeeded(tries)
        elif tries.under_way and event == "unknown":
            tries = unknown(tries)
        assert 0 <= tries.under_way <= THREE.attempts
        assert len(tries.failed_at) < THREE.attempts
