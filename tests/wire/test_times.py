"""How times are written."""

from datetime import UTC, datetime, timedelta, timezone

from sessiongate.wire.times import milliseconds, moment


def test_times_are_utc_with_six_digits() -> None:
    east = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 600, east)) == "2026-01-02T01:04:05.000600Z"


def test_a_whole_second_keeps_its_six_digits() -> None:
    assert moment(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000000Z"


def test_three_digits_are_cut_off_and_not_rounded() -> None:
    east = timezone(timedelta(hours=2))
    for micros, told in ((999_999, "999"), (600, "000"), (0, "000"), (120_000, "120")):
        assert milliseconds(datetime(2026, 1, 2, 3, 4, 5, micros, east)) == (
            f"2026-01-02T01:04:05.{told}Z"
        )
