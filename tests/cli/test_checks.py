"""What `sessiongate check` ends with."""

from sessiongate.cli.checks import Row, exit_code_of
from sessiongate.cli.output import Exit

GOOD, AWAY = (
    Row("settings", "ok", ""),
    Row("upstream.vc1", "problem", "no connection", is_unreachable=True),
)
WRONG = Row("users of local", "problem", "none")


def test_an_upstream_that_is_away_is_told_apart_from_what_is_wrong_here() -> None:
    assert exit_code_of([GOOD, Row("x", "note", "")]) is Exit.OK
    assert exit_code_of([GOOD, AWAY, AWAY]) is Exit.UPSTREAM
    assert exit_code_of([GOOD, AWAY, WRONG]) is Exit.REFUSED
    assert int(Exit.UPSTREAM) == 4
