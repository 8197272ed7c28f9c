"""Where a token may travel, and what happens when two of them do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import NoSession
from sessiongate.wire.carriers import (
    BEARER,
    DISAGREE,
    REST_COOKIE,
    SOAP_COOKIE,
    VC_COOKIE,
    VMWARE_HEADER,
    ZERTO_HEADER,
    bearer_of,
    carried,
)
from tests.each import each

Headers = list[tuple[str, str]]
VMWARE = frozenset({VMWARE_HEADER})
COOKIE = frozenset({f"cookie:{SOAP_COOKIE}", VC_COOKIE})


@each(
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
        # too long for a token, and not even hashed
        ([(VMWARE_HEADER, "a" * 256)], VMWARE, "a" * 256),
        ([(VMWARE_HEADER, "a" * 257)], VMWARE, None),
        # a bearer is a carrier like any other, and other schemes are none
        ([("authorization", "Bearer abc")], VMWARE, None),
        ([("authorization", "Bearer abc")], frozenset({BEARER}), "abc"),
        ([("authorization", "Bearer abc"), (VMWARE_HEADER, "abc")], VMWARE, "abc"),
        ([("authorization", "Basic def"), (VMWARE_HEADER, "abc")], VMWARE, "abc"),
        ([("authorization", "Bearer"), (VMWARE_HEADER, "abc")], VMWARE, "abc"),
    ],
)
def test_the_token_that_is_carried(
    headers: Headers, accepted: frozenset[str], token: str | None
) -> None:
    found = carried(headers, accepted)
    assert (found.token.reveal() if found.token is not None else None) == token
    assert not found.signed


@pytest.mark.parametrize(
    "headers",
    [
        [(VMWARE_HEADER, "abc"), (VMWARE_HEADER, "def")],
        [(VMWARE_HEADER, "abc"), (ZERTO_HEADER, "def")],
        [(VMWARE_HEADER, "abc"), ("cookie", f"{REST_COOKIE}=def")],
        [(VMWARE_HEADER, "abc"), ("cookie", f"{SOAP_COOKIE}=ABC")],
        [(ZERTO_HEADER, "abc"), ("cookie", f"{SOAP_COOKIE}=def")],
        [(VMWARE_HEADER, "abc"), (ZERTO_HEADER, "abc\xa0")],
        [(VMWARE_HEADER, "abc"), (ZERTO_HEADER, "a" * 257)],
        [(VMWARE_HEADER, "abc"), ("authorization", "Bearer def")],
        [("authorization", "Bearer abc"), ("authorization", "bearer def")],
    ],
)
def test_two_sessions_are_none(headers: Headers) -> None:
    with pytest.raises(NoSession):
        carried(headers, VMWARE)


def test_what_is_signed_is_kept_for_whoever_can_read_it() -> None:
    headers = [
        ("authorization", "Bearer a.b.c"),
        (VMWARE_HEADER, "abc"),
        ("authorization", "bearer a.b.c"),
    ]
    found = carried(headers, VMWARE)
    assert found.token is not None
    assert (found.token.reveal(), found.plain) == ("abc", "abc")
    assert found.signed == "a.b.c"
    assert carried([("cookie", f"{SOAP_COOKIE}=abc")], VMWARE).plain == "abc"


@pytest.mark.parametrize("accepted", [VMWARE, COOKIE, frozenset({BEARER})])
def test_sec_19_81_two_signed_texts_are_refused_before_anybody_verifies_them(
    accepted: frozenset[str],
) -> None:
    """Each verification costs some 80 µs, and a request may have a hundred headers."""
    headers = [("authorization", f"Bearer a.b.{number}") for number in range(2)]
    with pytest.raises(NoSession, match=DISAGREE):
        carried(headers, accepted)


def test_a_carrier_in_the_body_counts_like_any_other() -> None:
    headers = [("cookie", f"{SOAP_COOKIE}=abc")]
    found = carried([], COOKIE, [(VC_COOKIE, "abc")])
    assert found.token is not None
    assert found.token.reveal() == "abc"
    assert carried([], VMWARE, [(VC_COOKIE, "abc")]).token is None
    with pytest.raises(NoSession):
        carried(headers, COOKIE, [(VC_COOKIE, "def")])


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer ", None),
        ("Bearer abc\xa0", "abc\xa0"),
        ("\x85Bearer abc", None),
        ("Basic abc", None),
        (None, None),
    ],
)
def test_a_bearer_token_is_found(header: str | None, token: str | None) -> None:
    assert bearer_of(header) == token


names = st.sampled_from([VMWARE_HEADER, ZERTO_HEADER, "authorization", "cookie", "accept"])
values = st.one_of(
    st.text(),
    st.text().map(lambda text: f"{SOAP_COOKIE}={text}"),
    st.text().map("Bearer {}".format),
)


@given(st.lists(st.tuples(names, values)))
def test_any_headers_carry_one_token_or_none(headers: Headers) -> None:
    """Whatever the headers say, we get one bounded token, none, or NoSession."""
    try:
        found = carried(headers, COOKIE | VMWARE).token
    except NoSession:
        return
    assert found is None or 0 < len(found.reveal()) <= 256
