"""Where a token may travel, and what happens when two of them do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import NoSession
from sessiongate.wire.carriers import (
    REST_COOKIE,
    SOAP_COOKIE,
    VC_COOKIE,
    VMWARE_HEADER,
    ZERTO_HEADER,
    token_in,
)

Headers = list[tuple[str, str]]
VMWARE = frozenset({VMWARE_HEADER})
COOKIE = frozenset({f"cookie:{SOAP_COOKIE}", VC_COOKIE})


@pytest.mark.parametrize(
    ("headers", "accepted", "token"),
    [
        ([], VMWARE, None),
        ([("accept", "*/*")], VMWARE, None),
        ([(VMWARE_HEADER, "abc")], VMWARE, "abc"),
        ([(VMWARE_HEADER, "  abc ")], VMWARE, "abc"),
        ([(VMWARE_HEADER, "")], VMWARE, None),
        ([(VMWARE_HEADER, "abc"), (VMWARE_HEADER, "abc")], VMWARE, "abc"),
        # a carrier of another dialect is no session here
        ([(ZERTO_HEADER, "abc")], VMWARE, None),
        ([("cookie", f"{REST_COOKIE}=abc")], VMWARE, None),
        # the same token twice is one session
        ([(VMWARE_HEADER, "abc"), (ZERTO_HEADER, "abc")], VMWARE, "abc"),
        ([("cookie", f"{SOAP_COOKIE}=abc; other=1; flag")], COOKIE, "abc"),
        ([("cookie", f'{SOAP_COOKIE}="abc"; Path=/; HttpOnly; Secure')], COOKIE, "abc"),
        ([("cookie", "other=1; vmware_soap_sessions=2")], COOKIE, None),
        ([("cookie", f"{SOAP_COOKIE}=")], COOKIE, None),
        # white space is HTTP's own; with any other it is another text, and nobody's token
        ([(VMWARE_HEADER, "\tabc\t")], VMWARE, "abc"),
        ([(VMWARE_HEADER, "abc\xa0")], VMWARE, "abc\xa0"),
        ([(VMWARE_HEADER, "\x85abc")], VMWARE, "\x85abc"),
        ([(VMWARE_HEADER, "abc\x1f")], VMWARE, "abc\x1f"),
        ([("cookie", f"{SOAP_COOKIE}=abc\xa0; a=b")], COOKIE, "abc\xa0"),
        ([("cookie", f"{SOAP_COOKIE}\xa0=abc")], COOKIE, None),
        ([("cookie", f"\xa0{SOAP_COOKIE}=abc")], COOKIE, None),
    ],
)
def test_the_token_that_is_carried(
    headers: Headers, accepted: frozenset[str], token: str | None
) -> None:
    found = token_in(headers, accepted)
    assert (found.reveal() if found is not None else None) == token


@pytest.mark.parametrize(
    "headers",
    [
        [(VMWARE_HEADER, "abc"), (VMWARE_HEADER, "def")],
        [(VMWARE_HEADER, "abc"), (ZERTO_HEADER, "def")],
        [(VMWARE_HEADER, "abc"), ("cookie", f"{REST_COOKIE}=def")],
        [(VMWARE_HEADER, "abc"), ("cookie", f"{SOAP_COOKIE}=ABC")],
        [(ZERTO_HEADER, "abc"), ("cookie", f"{SOAP_COOKIE}=def")],
        [(VMWARE_HEADER, "a" * 257)],
        [(VMWARE_HEADER, "abc"), (ZERTO_HEADER, "abc\xa0")],
    ],
)
def test_two_sessions_are_none(headers: Headers) -> None:
    with pytest.raises(NoSession):
        token_in(headers, VMWARE)


def test_a_carrier_in_the_body_counts_like_any_other() -> None:
    headers = [("cookie", f"{SOAP_COOKIE}=abc")]
    found = token_in([], COOKIE, [(VC_COOKIE, "abc")])
    assert found is not None
    assert found.reveal() == "abc"
    assert token_in([], VMWARE, [(VC_COOKIE, "abc")]) is None
    with pytest.raises(NoSession):
        token_in(headers, COOKIE, [(VC_COOKIE, "def")])


names = st.sampled_from([VMWARE_HEADER, ZERTO_HEADER, "cookie", "accept"])
values = st.one_of(st.text(), st.text().map(lambda text: f"{SOAP_COOKIE}={text}"))


@given(st.lists(st.tuples(names, values)))
def test_any_headers_carry_one_token_or_none(headers: Headers) -> None:
    """Whatever the headers say, we get one bounded token, none, or NoSession."""
    try:
        found = token_in(headers, COOKIE | VMWARE)
    except NoSession:
        return
    assert found is None or 0 < len(found.reveal()) <= 256
