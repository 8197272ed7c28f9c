"""One password, whatever keyboard sends it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.password_forms import forms_of


def test_ascii_has_one_form() -> None:
    for text in ("", "correct horse", "PaSs\x00wOrd  "):
        assert forms_of(text) == (text,)


@pytest.mark.parametrize("typed", ["caf\u00e9", "cafe\u0301"])
def test_an_accent_has_a_form_to_store_and_one_that_may_be_stored(typed: str) -> None:
    assert forms_of(typed) == ("caf\u00e9", "cafe\u0301")


def test_a_mixture_is_looked_at_as_it_was_typed_too() -> None:
    assert forms_of("\u00e9e\u0301") == ("\u00e9\u00e9", "\u00e9e\u0301", "e\u0301e\u0301")


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u3000"])
def test_spaces_of_any_kind_are_the_usual_one(space: str) -> None:
    """RFC 8265, 4.2.2: a no-break space is one key beside the space on a Mac."""
    assert forms_of(f"a{space}b")[0] == "a b"


@pytest.mark.parametrize("text", ["\ufb01", "\u017f", "\uff21", "\u1e9e", "\ud800", "\u200d"])
def test_sec_27_nothing_is_folded(text: str) -> None:
    """Ligatures, widths, case and what does not show stay as they are."""
    assert forms_of(text)[0] == text


@given(st.text())
def test_sec_27_forms_differ_in_composition_and_spaces_only(text: str) -> None:
    """Whatever is typed, its forms are equal to the eye, and each leads to the same one."""
    forms = forms_of(text)
    assert len(set(forms)) == len(forms) <= 3
    assert text in forms
    for form in forms:
        assert forms_of(form)[0] == forms[0]
    assert unicodedata.is_normalized("NFC", forms[0])
