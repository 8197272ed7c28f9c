"""Where a text is no TOML, and nothing of what it says."""

import tomllib

import pytest

from sessiongate.rules.toml_errors import place_in_toml
from tests.each import each


@each(
    ("text", "place"),
    [
        ('a = "secret"\na = "secret"', " at line 2, column 13"),
        ("root:x:0:0:root:/root:/bin/sh", " at line 1, column 5"),
        ('secret = "', " at line 1, column 11"),
        ("a = secret", " at line 1, column 5"),
    ],
)
def test_sec_18_the_place_is_told_and_no_word(text: str, place: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert place_in_toml(caught.value) in (place, "")


def test_without_a_place_nothing_is_told() -> None:
    assert place_in_toml(RecursionError("secret")) == ""
