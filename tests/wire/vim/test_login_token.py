"""The one token beside a LoginByToken's arguments, or none."""

import gzip
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.session import BEARER, SAML, PresentedToken
from sessiongate.wire.vim.login_token import presented
from tests.each import each

ASSERTION = b"<Assertion>\xc3\xa9</Assertion>"


def authorization(*values: str) -> list[tuple[str, str]]:
    return [("accept", "*/*"), *(("authorization", value) for value in values)]


def packed(content: bytes) -> str:
    return b64encode(gzip.compress(content, mtime=0)).decode()


def text_of(token: PresentedToken | None) -> str:
    assert token is not None
    assert token.kind == BEARER
    return token.text.reveal()


def document_of(token: PresentedToken | None) -> bytes:
    assert token is not None
    assert token.kind == SAML
    return token.document()


@pytest.mark.parametrize("value", ["Bearer a.b.c", "bearer a.b.c", "  BEARER   a.b.c  "])
def test_a_bearer_token_stands_in_authorization(value: str) -> None:
    assert text_of(presented(authorization(value))) == "a.b.c"


@pytest.mark.parametrize("value", ["Bearer a.b.c\xa0", "Bearer \x85a.b.c"])
def test_white_space_that_is_not_https_belongs_to_the_token(value: str) -> None:
    assert text_of(presented(authorization(value))) == value.removeprefix("Bearer ")


def test_an_assertion_stands_in_the_document() -> None:
    assert document_of(presented(authorization(), ASSERTION)) == ASSERTION
    assert document_of(presented(authorization("Basic eA=="), ASSERTION)) == ASSERTION


def test_an_assertion_may_come_packed() -> None:
    for value in (
        f'SIGN token="{packed(ASSERTION)}"',
        f'sign a="b", token="{packed(ASSERTION)}"',
        f'Sign Token="{packed(ASSERTION)}"',
        f'SIGN TOKEN = "{packed(ASSERTION)}",a="b"',
    ):
        assert document_of(presented(authorization(value))) == ASSERTION


@each(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic eA==",
        "SIGN",
        'SIGN token=""',
        'SIGN token="!"',
        'SIGN token="eA"',
        f'SIGN mytoken="{packed(ASSERTION)}"',
        'SIGN token="eA=="',
        f'SIGN token="{packed(ASSERTION)[:-8]}"',
        f'SIGN token="{packed(ASSERTION)}", token="{packed(ASSERTION)}"',
    ],
)
def test_what_is_no_token_is_none(value: str) -> None:
    assert presented(authorization(value)) is None


def test_two_tokens_are_none() -> None:
    assert presented(authorization("Bearer a", "Bearer b")) is None
    assert presented(authorization("Bearer a", "Bearer a")) is None
    assert presented(authorization("Bearer a"), ASSERTION) is None


def test_a_small_token_does_not_become_a_large_one() -> None:
    assert presented(authorization(f'SIGN token="{packed(b"a" * 10_000_000)}"')) is None
    assert presented(authorization(f'SIGN token="{packed(b"a" * 256 * 1024)}"')) is not None


@pytest.mark.slow
@given(
    st.lists(
        st.text(max_size=40)
        | st.binary().map(lambda raw: f'SIGN token="{b64encode(raw).decode()}"')
    )
)
def test_any_header_is_one_token_or_none(values: list[str]) -> None:
    found = presented(authorization(*values))
    assert found is None or found.kind in (SAML, BEARER)
