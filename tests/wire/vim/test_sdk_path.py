"""Which spellings of `/sdk` are taken for it, and that no other path changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.wire.vim.sdk_path import passed_over
from tests.each import each


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("//sdk", "/sdk"),
        ("//sdk/", "/sdk/"),
        ("/sdk//", "/sdk/"),
        ("//sdk//", "/sdk/"),
        ("//sdk/vimServiceVersions.xml", "/sdk/vimServiceVersions.xml"),
        ("/sdk//vimServiceVersions.xml", "/sdk/vimServiceVersions.xml"),
        ("//sdk//vimServiceVersions.xml", "/sdk/vimServiceVersions.xml"),
        ("/sdk//vimService", "/sdk/vimService"),
        ("/sdk//vim25/8.0.3.0/a/b//c", "/sdk/vim25/8.0.3.0/a/b//c"),
    ],
)
def test_an_empty_segment_beside_sdk_is_passed_over(spelled: str, meant: str) -> None:
    assert passed_over(spelled) == meant


@each(
    "path",
    [
        *("/", "//", "/sdk", "/sdk/", "/sdk/vimService", "/sdk/vim25/8.0.3.0//a", "//evil"),
        *("///sdk", "/sdk///", "/sdk///x", "//sdk///x", "//sdkx", "/sdkx//", "//sdk.x", "//SDK"),
        *("/./sdk", "//./sdk", "//evil/sdk", "//v1/session", "/v1//session", "/api//session"),
        *("/%2fsdk", "/sdk%2f/", "\\/sdk", "//sdk\\", "//sdk;a", "/sdk/..//sdk"),
    ],
)
def test_every_other_path_stays_as_it_came(path: str) -> None:
    assert passed_over(path) == path


@given(st.lists(st.sampled_from(["/", "//", "sdk", "sdk/", ".", "..", "x", "%2f"])).map("".join))
def test_sec_39_no_path_is_given_a_meaning_but_by_the_two_segments(path: str) -> None:
    """What comes out came in, or came in with one `/` more before sdk, after it, or both."""
    meant = passed_over(path)
    assert meant == path or path in (f"/{meant}", f"/sdk/{meant[4:]}", f"//sdk/{meant[4:]}")
    assert meant == path or meant == "/sdk" or meant.startswith("/sdk/")
    assert passed_over(meant) == meant
