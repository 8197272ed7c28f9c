"""How often something may be done: a bucket that fills steadily."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.pace import Rate, full, spend

MINUTE = Rate(60, 60)


def test_a_rate_is_written_as_it_is_read() -> None:
    assert [str(Rate(7, seconds)) for seconds in (1, 60, 3600)] == ["7/s", "7/m", "7/h"]


def test_as_many_at_once_as_the_rate_says_and_then_one_by_one() -> None:
    bucket = full(MINUTE, 0.0)
    for _ in range(60):
        bucket, wait = spend(bucket, MINUTE, 0.0)
        assert wait == 0
    bucket, wait = spend(bucket, MINUTE, 0.0)
    assert wait == 1
    bucket, wait = spend(bucket, MINUTE, 1.0)
    assert wait == 0
    assert spend(bucket, MINUTE, 1.0)[1] == 1


def test_whoever_comes_back_when_told_to_gets_one() -> None:
    slow = Rate(3, 3600)
    bucket = full(slow, 0.0)
    for _ in range(3):
        bucket, _ = spend(bucket, slow, 0.0)
    bucket, wait = spend(bucket, slow, 10.0)
    assert wait > 1000
    assert spend(bucket, slow, 10.0 + wait)[1] == 0


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket, _ = spend(full(Rate(1, 60), 100.0), Rate(1, 60), 100.0)
    assert spend(bucket, Rate(1, 60), 0.0)[1] > 0


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=60))
def test_in_no_time_more_than_the_rate_and_what_it_holds(count: int, pauses: list[float]) -> None:
    rate, now, passed = Rate(count, 60), 0.0, 0
    bucket = full(rate, now)
    for pause in pauses:
        now += pause
        bucket, wait = spend(bucket, rate, now)
        passed += wait == 0
    assert passed <= count + now * count / 60 + 1e-6
