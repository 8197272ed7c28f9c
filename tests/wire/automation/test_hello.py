"""Release negotiation."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import InvalidArgument, Malformed
from sessiongate.wire.automation.hello import is_hello, negotiate, read_releases
from sessiongate.wire.vim.json import RELEASES


@pytest.mark.parametrize("query", ["action=hello", "a=1&action=hello", "action=%68ello"])
def test_the_action_is_hello(query: str) -> None:
    assert is_hello(query)


@pytest.mark.parametrize("query", ["", "action=", "action=bye", "Action=hello", "xaction=hello"])
def test_any_other_action_is_not(query: str) -> None:
    assert not is_hello(query)


def test_the_first_release_that_both_know_is_chosen() -> None:
    assert negotiate(["7.0.0.0", "8.0.2.0", "8.0.3.0"]) == "8.0.2.0"
    assert negotiate(["9.9.0.0", "8.0.3.0"]) == "9.9.0.0"
    assert negotiate(["7.0.0.0", "eight"]) == ""


def test_releases_come_in_their_order() -> None:
    body = b'{"api_releases":["9.0.0.0","8.0.3.0"],"more":1}'
    assert read_releases(body) == ["9.0.0.0", "8.0.3.0"]
    assert read_releases(b"\xef\xbb\xbf" + body) == ["9.0.0.0", "8.0.3.0"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"api_releases":"8"}',
        b'{"api_releases":[8]}',
        b'{"api_releases":["\xff"]}',
        b"[" * 100_000,
        b'{"api_releases":["8.0.3.0"],"api_releases":["9.0.0.0"]}',
    ],
)
def test_another_body_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_releases(body)


@pytest.mark.parametrize("releases", [[], ["8.0.3.0"] * 129, ["8" * 65]])
def test_too_few_too_many_too_long(releases: list[str]) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        read_releases(msgspec.json.encode({"api_releases": releases}))
    assert refusal.value.name == "api_releases"


def test_the_most_and_the_longest_are_taken() -> None:
    releases = ["8" * 64] * 128
    assert read_releases(msgspec.json.encode({"api_releases": releases})) == releases


@given(
    st.one_of(
        st.binary(),
        st.lists(st.text()).map(lambda one: b'{"api_releases":%s}' % msgspec.json.encode(one)),
    )
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """Whatever the body, we get a release that we serve or "", or one of two refusals."""
    try:
        chosen = negotiate(read_releases(body))
    except (Malformed, InvalidArgument):
        return
    assert chosen == "" or chosen in RELEASES or chosen.startswith("9.")
