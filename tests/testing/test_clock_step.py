"""How far a step ahead goes, as it may be said."""

from datetime import timedelta

import pytest

from sessiongate.testing.clock_step import step_of
from tests.each import each


@each(
    ("by", "more", "seconds"),
    [
        (timedelta(seconds=5), {}, 5),
        ("31m", {}, 1860),
        ("1h30m", {"seconds": 1}, 5401),
        (timedelta(0), {"minutes": 31}, 1860),
    ],
)
def test_a_step_is_a_span_a_text_or_has_names(
    by: timedelta | str, more: dict[str, float], seconds: float
) -> None:
    assert step_of(by, more).total_seconds() == seconds


def test_a_step_that_is_none_says_what_one_is() -> None:
    with pytest.raises(ValueError, match=r"advance: must be a duration .* has no unit"):
        step_of("31", {})
    with pytest.raises(TypeError, match=r'text such as "31m".* minutes, .*advance\(minutes=31\)'):
        step_of(timedelta(0), {"minute": 31})
