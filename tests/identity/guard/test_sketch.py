"""Counts that may be too high and are never too low."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.guard.sketch import Sketch
from tests.identity.fakes import NOON

SPAN = timedelta(minutes=5)
INSTANT = timedelta(microseconds=1)


@given(st.dictionaries(st.text(), st.integers(1, 10**9), max_size=30), st.integers(0, 299))
def test_sec_84_no_count_is_ever_too_low(counts: dict[str, int], seconds: int) -> None:
    """Whatever is kept, for one span it is found again, whatever was kept besides."""
    sketch = Sketch(SPAN)
    for key, count in counts.items():
        sketch.keep(key, count, NOON)
    sketch.keep("later", 1, NOON + timedelta(seconds=seconds))
    for key, count in counts.items():
        found, since = sketch.count(key, NOON + SPAN - INSTANT)
        assert found >= min(count, 2**16 - 1)
        assert since >= NOON


def test_after_two_spans_nothing_is_left() -> None:
    sketch = Sketch(SPAN)
    sketch.keep("alice", 3, NOON)
    sketch.keep("bob", 1, NOON + SPAN - INSTANT)
    assert sketch.count("alice", NOON + 2 * SPAN)[0] == 0
    sketch.keep("carl", 1, NOON + 2 * SPAN)
    sketch.keep("dora", 1, NOON + 3 * SPAN)
    assert sketch.count("alice", NOON + 3 * SPAN)[0] == 0
    assert sketch.count("dora", NOON + 3 * SPAN)[0] == 1


def test_strangers_seldom_share_all_buckets() -> None:
    """With fifty thousand in it one stranger in twelve has a count that is not his own.

    (1 - exp(-50000 / 65536)) ** 4 is 0.08.
    """
    sketch = Sketch(SPAN)
    for number in range(50_000):
        sketch.keep(f"stranger{number}", 1, NOON)
    wrong = sum(sketch.count(f"other{number}", NOON)[0] > 0 for number in range(2_000))
    assert wrong < 2_000 * 0.16
