"""Session life: both limits, to the microsecond, and that `due_at` agrees with `judge`."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.life import due_at, judge, last_end
from sessiongate.session import Ended, Limits

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
IDLE = timedelta(minutes=30)
TOTAL = timedelta(hours=12)
BOTH = Limits(idle=IDLE, total=TOTAL)
IDLE_ONLY = Limits(idle=IDLE)


@pytest.mark.parametrize(
    ("active", "now", "limits", "verdict"),
    [
        (timedelta(0), timedelta(0), BOTH, None),
        (timedelta(0), IDLE - TICK, BOTH, None),
        (timedelta(0), IDLE, BOTH, Ended.IDLE),
        (timedelta(0), IDLE + TICK, IDLE_ONLY, Ended.IDLE),
        (TOTAL - TICK, TOTAL - TICK, BOTH, None),
        (TOTAL - TICK, TOTAL, BOTH, Ended.AGED),
        (TOTAL - TICK, TOTAL, IDLE_ONLY, None),
        (timedelta(0), TOTAL, BOTH, Ended.AGED),
        (timedelta(hours=1), timedelta(0), BOTH, None),
    ],
)
def test_sec_05_a_limit_just_reached_has_ended(
    active: timedelta, now: timedelta, limits: Limits, verdict: Ended | None
) -> None:
    assert judge(T0, T0 + active, limits, T0 + now) is verdict


def test_due_is_the_earlier_limit() -> None:
    assert due_at(T0, T0, IDLE_ONLY) == T0 + IDLE
    assert due_at(T0, T0 + TICK, BOTH) == T0 + TICK + IDLE
    assert due_at(T0, T0 + TOTAL - TICK, BOTH) == T0 + TOTAL


def test_limits_beyond_the_calendar_never_fall_due() -> None:
    forever = timedelta.max
    assert due_at(T0, T0, Limits(idle=forever)).year == 9999
    assert due_at(T0, T0, Limits(idle=IDLE, total=forever)) == T0 + IDLE
    assert judge(T0, T0, Limits(idle=forever, total=forever), T0 + TOTAL) is None


spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2))
limits_of = st.builds(
    Limits, idle=spans.filter(bool), total=st.one_of(st.none(), spans.filter(bool))
)


@given(spans, limits_of)
def test_a_session_lives_until_it_is_due_and_not_longer(used: timedelta, limits: Limits) -> None:
    """`due_at` is exactly the first moment that `judge` calls ended."""
    due = due_at(T0, T0 + used, limits)
    assert judge(T0, T0 + used, limits, due) is not None
    assert judge(T0, T0 + used, limits, due - TICK) is None


def test_the_last_end_is_the_one_that_no_use_moves() -> None:
    assert last_end(T0, BOTH) == T0 + TOTAL
    assert last_end(T0, IDLE_ONLY) is None
    assert last_end(T0, Limits(IDLE, timedelta.max)) is None
