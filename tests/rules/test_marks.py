"""Marks on one letter are bounded before anything is normalised."""

import time
import unicodedata

import pytest

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.marks import MOST_MARKS, has_too_many_marks
from sessiongate.rules.password_forms import forms_of

ACUTE = "\u0301"

# Marks of all classes, the highest first: the worst that sorting can meet.
CLASSES = {
    order: chr(code)
    for code in range(0x300, 0x1E8D7)
    if (order := unicodedata.combining(chr(code)))
}
DESCENDING = [CLASSES[order] for order in sorted(CLASSES, reverse=True)]


def worst(length: int) -> str:
    """One letter, and marks in the order that costs most."""
    each = (length - 1) // len(DESCENDING)
    return "a" + "".join(mark * each for mark in DESCENDING)


def test_thirty_marks_are_none_too_many() -> None:
    assert not has_too_many_marks("a" + ACUTE * MOST_MARKS)
    assert has_too_many_marks("a" + ACUTE * (MOST_MARKS + 1))
    assert has_too_many_marks(ACUTE * (MOST_MARKS + 1))


def test_marks_of_different_letters_are_not_added_up() -> None:
    assert not has_too_many_marks(("a" + ACUTE * MOST_MARKS) * 10)
    assert not has_too_many_marks("")
    assert not has_too_many_marks("a" * 4096)


@pytest.mark.parametrize("letter", ["\u0f73", "\u0f75", "\u0f81", "\uff9e", "\uff9f", "\u0344"])
def test_letters_that_come_apart_into_marks_are_marks(letter: str) -> None:
    assert has_too_many_marks("a" + letter * (MOST_MARKS + 1))


def test_every_letter_that_begins_with_a_mark_is_known() -> None:
    """Whatever Unicode this Python has."""
    marks = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0])
    ]
    assert [one for one in marks if not has_too_many_marks(one * (MOST_MARKS + 1))] == []


def test_sec_27_a_password_of_many_marks_is_itself() -> None:
    text = worst(4096)
    assert forms_of(text) == (text,)


def test_sec_73_a_name_of_many_marks_is_refused() -> None:
    with pytest.raises(BadCredentials, match="too many marks on one letter"):
        parse_account(worst(1024))
    assert parse_account("u" + ACUTE * 3).user == "\u00fa" + ACUTE * 2


def spent(work: object) -> float:
    """The least processor time of a few runs, in seconds."""
    assert callable(work)
    best = 1.0
    for _ in range(5):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return best


def refused(name: str) -> None:
    with pytest.raises(BadCredentials):
        parse_account(name)


def test_sec_73_the_worst_text_costs_little_more_than_an_ordinary_one_of_its_length() -> None:
    """Before, forty times as much: sorting was quadratic."""
    usual = "\u00e9" * 4096
    runs = ("a" + "".join(DESCENDING[:MOST_MARKS])) * (4096 // (MOST_MARKS + 1))
    for text in (worst(4096), runs):
        assert spent(lambda text=text: forms_of(text)) < 10 * spent(lambda: forms_of(usual))
    name = worst(1024)
    assert spent(lambda: refused(name)) < 10 * spent(lambda: parse_account("\u00e9" * 1024))
