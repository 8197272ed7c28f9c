"""Spans of late."""

from sessiongate.identity.guard.pace import KEPT, Lateness, Pace


def test_before_there_was_one_there_is_none() -> None:
    assert Pace().like_one() is None


def test_one_of_the_late_spans_is_drawn() -> None:
    pace = Pace()
    pace.note(99.0)
    for number in range(KEPT):
        pace.note(float(number))
    drawn = {pace.like_one() for _ in range(5_000)}
    assert drawn <= set(map(float, range(KEPT))), "the oldest is forgotten"
    assert len(drawn) > KEPT / 2, "and the spread is kept"


def test_lateness_is_what_timers_are_late_by_on_average() -> None:
    late = Lateness()
    for _ in range(200):
        late.note(0.0005 - late.seconds)
    assert abs(late.seconds - 0.0005) < 0.00001
    late.note(10.0)
    assert late.seconds < 0.001, "a machine that stood still says nothing of timers"
