"""Templates: what is missing, what is put in, and of what a version is."""

from datetime import timedelta

import pytest
from jinja2 import UndefinedError

from sessiongate.operations.console.static_files import read_static_files
from sessiongate.operations.console.templates import Templates, moment, span
from sessiongate.testing.clock import T0
from tests.each import each

FACTS = {
    "title": "T",
    "problem": "",
    "said": "",
    "dev": "",
    "stopping": False,
    "words": "<b>&{{7*7}}",
}


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(read_static_files())


def test_what_is_put_in_stays_text(templates: Templates) -> None:
    page = templates.page("message.html", FACTS)
    assert "&lt;b&gt;&amp;{{7*7}}" in page


def test_what_is_missing_is_an_error(templates: Templates) -> None:
    with pytest.raises(UndefinedError):
        templates.page("message.html", {"title": "T"})


def test_a_version_is_of_the_content_and_not_of_the_time(templates: Templates) -> None:
    one, first = templates.fragment("message.html", FACTS, T0)
    same, second = templates.fragment("message.html", FACTS, T0 + timedelta(hours=1))
    other, third = templates.fragment("message.html", {**FACTS, "words": "w"}, T0)
    assert first == second != third
    assert one == same != other


@each(
    ("seconds", "says"),
    [
        (None, ""),
        (-5, "now"),
        (0, "now"),
        (1, "1 min"),
        (60, "1 min"),
        (61, "2 min"),
        (3600, "1 h 0 min"),
        (12_345, "3 h 26 min"),
        (86_400, "1 d 0 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_time_is_told_as_coarse_as_people_take_it(seconds: float | None, says: str) -> None:
    assert span(seconds) == says


def test_a_moment_is_told_in_utc() -> None:
    assert moment(T0) == f"{T0:%Y-%m-%d %H:%M:%S}"
