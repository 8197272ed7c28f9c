"""How times are written."""

from datetime import UTC, datetime, timedelta, timezone

from sessiongate.wire.times import moment


def test_times_are_utc_with_six_digits() -> None:
    east = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 600, east)) == "2026-01-02T01:04:05.000600Z"


def test_a_whole_second_keeps_its_six_digits() -> None:
    assert moment(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000000Z"
