"""A secret keeps quiet, and is compared on purpose only."""

import copy
import json
import logging
import pickle
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.secret import Secret


@given(st.text(min_size=4).filter(lambda text: text not in "Secret(...)"))
def test_no_way_of_printing_shows_it(text: str) -> None:
    """Whatever the text, none of Python's usual ways of showing a value shows it."""
    secret = Secret(text)
    shown = [f"{secret}", repr(secret), f"{[secret]!r}", "%s" % secret, ascii(secret)]  # noqa: UP031
    assert set(shown) <= {"Secret(...)", "[Secret(...)]"}


def test_it_does_not_leave_by_accident() -> None:
    secret = Secret("hunter2")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, hash):
        with pytest.raises(TypeError):
            attempt(secret)
    with pytest.raises(TypeError):
        assert secret == "hunter2"
    with pytest.raises(TypeError):
        assert secret != Secret("hunter2")
    assert not hasattr(secret, "__dict__")


def test_a_log_line_does_not_hold_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("login with %s %r", Secret("hunter2"), Secret("hunter2"))
    assert "hunter2" not in caplog.text


def test_who_asks_gets_it() -> None:
    assert Secret("hunter2").reveal() == "hunter2"


def test_the_digest_is_sha256() -> None:
    assert Secret("token").digest() == sha256(b"token").digest()


@given(st.text(st.characters()), st.text(st.characters()))
def test_same_as_says_whether_the_texts_are_the_same(one: str, other: str) -> None:
    """Any two texts, lone surrogates too, are compared for what they are."""
    assert Secret(one).same_as(Secret(one))
    assert Secret(one).same_as(Secret(other)) == (one == other)
