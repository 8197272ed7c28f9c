"""How proxies ask, and what they are told."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed, NoSession
from sessiongate.rules.forward_auth import ProxiedRequest
from sessiongate.wire.forward_auth import (
    IDENTITY,
    identity,
    of_auth_request,
    of_ext_authz,
    of_forward_auth,
    require_one_carrier,
    safe,
)
from tests.each import each

FORWARDED = [
    ("x-forwarded-method", "POST"),
    ("x-forwarded-host", "app.example:8443"),
    ("x-forwarded-uri", "/a/b?c=/d"),
]
ORIGINAL = [
    ("x-original-method", "POST"),
    ("x-original-url", "https://app.example:8443/a/b?c=/d"),
]
WANTED = ProxiedRequest("POST", "app.example", "/a/b")


def test_each_convention_is_read_where_it_says_so() -> None:
    assert of_forward_auth(FORWARDED) == WANTED
    assert of_auth_request(ORIGINAL) == WANTED
    # Each beside what a client has written into the other's.
    assert of_forward_auth([("x-original-method", "GET"), *FORWARDED]) == WANTED
    assert of_auth_request([("x-forwarded-uri", "/other"), *ORIGINAL]) == WANTED
    assert of_ext_authz("POST", "app.example:8443", "/auth/ext-authz/a/b") == WANTED


@each("named", [name for name, _ in (*FORWARDED, *ORIGINAL)])
def test_sec_37_what_is_missing_or_given_twice_is_no(named: str) -> None:
    given, read = (
        (FORWARDED, of_forward_auth) if "forward" in named else (ORIGINAL, of_auth_request)
    )
    without = [one for one in given if one[0] != named]
    [said] = [one for one in given if one[0] == named]
    for headers in (without, [*without, (named, "")], [*given, said], [*given, (named, "x")]):
        with pytest.raises(Malformed):
            read(headers)


@each(
    "url",
    [
        "app.example/a",
        "//app.example/a",
        "ftp://app.example/a",
        "https:///a",
        "https://user@app.example/a",
        "https://app.example\\@evil.example/a",
        "https://app.example/a#b",
        "https://app.example/a b",
        "https://",
    ],
)
def test_sec_37_an_address_that_is_none_is_no(url: str) -> None:
    with pytest.raises(Malformed):
        of_auth_request([("x-original-method", "GET"), ("x-original-url", url)])


@each("url", ["http://app.example", "HTTP://app.example?x=/y", "http://app.example/"])
def test_an_address_without_a_path_is_that_of_the_root(url: str) -> None:
    found = of_auth_request([("x-original-method", "GET"), ("x-original-url", url)])
    assert found.path == "/"


def test_ext_authz_without_a_path_is_the_root() -> None:
    assert of_ext_authz("GET", "app.example", "/auth/ext-authz").path == "/"
    assert of_ext_authz("GET", "app.example", "/auth/ext-authz/").path == "/"
    with pytest.raises(Malformed):
        of_ext_authz("GET", "", "/auth/ext-authz/x")


TOKEN = "0" * 40
ONE = [
    ("vmware-api-session-id", TOKEN),
    ("x-zerto-session", TOKEN),
    ("cookie", f'a=b; vmware_soap_session="{TOKEN}"; Path=/; HttpOnly'),
    ("cookie", f"vmware-api-session-id={TOKEN}"),
    ("authorization", f"Bearer {TOKEN}"),
]


@each("one", ONE)
def test_one_carrier_is_enough_and_two_are_too_many(one: tuple[str, str]) -> None:
    require_one_carrier([("accept", "*/*"), one, ("authorization", "Basic eDp5")])
    for other in ONE:
        with pytest.raises(NoSession, match="two tokens"):
            require_one_carrier([one, other])
        # An empty one beside it, too: whoever takes tokens out of a request looks for one.
        empty = (other[0], "" if "=" not in other[1] else "vmware_soap_session=")
        if other[0] != "authorization":
            with pytest.raises(NoSession, match="two tokens"):
                require_one_carrier([one, empty])
    with pytest.raises(NoSession, match="no session"):
        require_one_carrier([("authorization", "Basic eDp5"), ("authorization", "Bearer")])


@each(
    "cookies",
    [
        f"vmware_soap_session=; vmware_soap_session={TOKEN}",
        f"vmware_soap_session={TOKEN}; a=b; vmware_soap_session=",
        f'vmware-api-session-id=""; vmware_soap_session={TOKEN}',
        f"vmware-api-session-id\t= ; vmware-api-session-id={TOKEN}",
    ],
)
def test_sec_43_an_empty_cookie_of_ours_is_one_too(cookies: str) -> None:
    """An application could set one in its users' browsers, and would get the next one itself."""
    with pytest.raises(NoSession, match="two tokens"):
        require_one_carrier([("cookie", cookies)])


def test_each_set_names_user_groups_and_full_name() -> None:
    for prefix, names in IDENTITY.items():
        said = identity(names, "ada", ["operator", "a,b"], "Ada Müller")
        assert [value for _, value in said] == ["ada", "operator,a%2Cb", "Ada M%C3%BCller"]
        beginning = "remote-" if prefix == "remote" else f"{prefix}-"
        assert [name.startswith(beginning) for name, _ in said] == [True] * 3
    assert identity(IDENTITY["remote"], "ada", [], "") == (
        ("remote-user", "ada"),
        ("remote-groups", ""),
        ("remote-name", ""),
    )


@each(
    ("text", "value"),
    [
        ("CORP\\ada", "CORP\\ada"),
        ("ada@corp.example", "ada@corp.example"),
        ("Ada Lovelace", "Ada Lovelace"),
        ("100%", "100%25"),
        ("Lovelace, Ada", "Lovelace%2C Ada"),
        (" a ", "%20a%20"),
        ("  ", "%20%20"),
        ("a\r\nSet-Cookie: b", "a%0D%0ASet-Cookie: b"),
        ("a\x00\x7f", "a%00%7F"),
        ("Zoë", "Zo%C3%AB"),
        ("\ud800", "?"),
        ("", ""),
    ],
)
def test_sec_42_values_are_plain_ascii(text: str, value: str) -> None:
    assert safe(text) == value


@given(st.text(st.characters(codec="utf-8")))
def test_sec_42_any_name_is_a_header_and_comes_back_whole(name: str) -> None:
    """Whatever somebody is called, no proxy reads another value than we wrote."""
    value = safe(name)
    assert value.isascii()
    assert value == "" or value.isprintable()
    assert "," not in value
    assert value == value.strip()
    assert unquote(value) == name
