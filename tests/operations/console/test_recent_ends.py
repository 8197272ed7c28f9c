"""Ends of a moment ago, by visitor."""

from datetime import timedelta

from sessiongate.operations.console.recent_ends import WINDOW, RecentEnds
from sessiongate.testing.clock import T0


def test_each_visitors_ends_count_for_a_minute_and_are_forgotten() -> None:
    ends = RecentEnds()
    ends.note("ada", 3, T0)
    ends.note("ada", 4, T0 + timedelta(seconds=30))
    ends.note("eve", 5, T0 + timedelta(seconds=30))
    assert ends.lately("ada", T0 + timedelta(seconds=40)) == 7
    assert ends.lately("eve", T0 + timedelta(seconds=40)) == 5
    assert ends.lately("ada", T0 + WINDOW) == 4
    assert ends.lately("ada", T0 + 2 * WINDOW) == 0
    assert len(ends) == 0


def test_what_is_past_the_window_is_forgotten_also_where_nobody_asks() -> None:
    ends = RecentEnds()
    for minute in range(100):
        ends.note("ada", 1, T0 + minute * WINDOW)
    assert len(ends) == 1
