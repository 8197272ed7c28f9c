"""Patterns of names, and that none of them takes long."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.name_pattern import fits_name, only_name, pattern_of
from tests.each import each

NAMES = st.text("ab*[]?.", max_size=8)


@each(
    ("pattern", "fit", "others"),
    [
        ("ann", ["ann"], ["anna", "an", ""]),
        ("ann*", ["ann", "anna"], ["an", "hann"]),
        ("*n", ["n", "ann"], ["anna", ""]),
        ("a*n", ["an", "aan", "a*n"], ["a", "ana"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("*b*b*", ["bb", "abab"], ["b", "aba"]),
        ("[a]?", ["[a]?"], ["ab", "a"]),
        ("*", ["", "ann"], []),
        ("[*]", ["*"], ["ann", "[*]"]),
        ("a[*]*", ["a*", "a*b"], ["ab"]),
    ],
)
def test_a_star_is_any_characters_and_all_else_is_itself(
    pattern: str, fit: list[str], others: list[str]
) -> None:
    assert [one for one in fit if fits_name(one, pattern)] == fit
    assert [one for one in others if fits_name(one, pattern)] == []


@given(st.text("ab[?.", max_size=8), st.text("ab*?.", max_size=6))
def test_it_is_what_a_regular_expression_says(name: str, pattern: str) -> None:
    meant = ".*".join(map(re.escape, pattern.split("*")))
    assert fits_name(name, pattern) == bool(re.fullmatch(meant, name, re.DOTALL))


@given(NAMES, NAMES)
def test_the_pattern_of_a_name_fits_that_one_alone(name: str, other: str) -> None:
    assert fits_name(other, pattern_of(name)) == (other == name)


@given(NAMES)
def test_only_a_pattern_without_a_star_fits_one_name_alone(text: str) -> None:
    assert fits_name(text, pattern_of(text)) == (only_name(pattern_of(text)) == text)
    name = only_name(text)
    if name is None:
        assert "*" in text.replace("[*]", "")
    else:
        assert fits_name(name, text)
