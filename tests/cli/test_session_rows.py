"""A session as a row at a terminal."""

import msgspec

from sessiongate.cli.session_rows import RowFacts, for_people


def test_long_times_become_short_ones_and_all_else_stays() -> None:
    row: dict[str, object] = {
        "key": "k",
        "active_at": "2026-01-01T03:00:00Z",
        "login_at": "2026-01-01T01:00:00Z",
        "idle_seconds": 90,
        "seconds_left": 59,
        "user": "ada",
    }
    shown = for_people(msgspec.convert(row, RowFacts), row)
    assert (shown["login"], shown["idle"], shown["left"]) == ("2h ago", "1m", "59s")
    assert shown["user"] == "ada"
    unknown = for_people(msgspec.convert({**row, "seconds_left": None}, RowFacts), row)
    assert unknown["left"] is None
