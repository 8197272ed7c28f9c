"""Which passwords may be set: long ones, counted in characters, that are not the name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.passwords import problem_with, rule_of
from tests.each import each


@each(
    ("password", "why"),
    [
        ("", "must not be empty"),
        ("elevenchars", "at least 12 characters"),
        # Twelve bytes and more, and fewer than twelve characters.
        ("\u00e9" * 11, "at least 12 characters"),
        ("\U0001f511" * 4, "at least 12 characters"),
        ("e\u0301" * 11, "at least 12 characters"),
        ("Lighthouse-7", None),
        ("\u00e9" * 12, None),
        ("            ", None),
        ("Lighthouse\0-7", "not text"),
        ("Lighthouse-\udce9", "not text"),
    ],
)
def test_length_is_counted_in_characters(password: str, why: str | None) -> None:
    problem = problem_with(password, "ada", 12)
    assert (problem is None) == (why is None)
    assert why is None or why in (problem or "")


@pytest.mark.parametrize(
    "password",
    [
        "Administrator@VSphere.Local",
        "administrator",
        "ADMINISTRATOR",
        " administrator ",
        "\uff41dministrator",
    ],
)
def test_it_is_never_the_name(password: str) -> None:
    assert "name" in (problem_with(password, "Administrator@vsphere.local", 12) or "")
    assert problem_with(f"{password}1", "Administrator@vsphere.local", 12) is None


def test_a_name_in_any_spelling_is_the_name() -> None:
    assert problem_with("corp\\someone-long", "someone-long@corp", 12) is None
    assert "name" in (problem_with("someone-long", "CORP\\Someone-Long", 12) or "")
    # What is no name is refused elsewhere; its own text is no password of it.
    assert "name" in (problem_with("a\\b\\c-and-more", "a\\b\\c-and-more", 12) or "")


def test_the_least_length_is_the_settings() -> None:
    assert problem_with("ab", "ada", 2) is None
    assert "at least 30" in (problem_with("x" * 29, "ada", 30) or "")


def test_the_rule_says_what_is_asked_for() -> None:
    assert rule_of(30) == "A password has at least 30 characters and is not the user's name."


@given(st.text(), st.text(), st.integers(1, 64))
def test_what_is_said_never_holds_the_password(password: str, name: str, least: int) -> None:
    """No problem ever quotes the password, and what is too short never passes."""
    problem = problem_with(password, name, least)
    if len(password) < least:
        assert problem is not None
    assert problem == problem_with(password, name, least)
    assert problem is None or len(password) < 8 or password not in problem
