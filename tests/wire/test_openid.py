"""Forms in, OAuth errors and documents out, as the appliance's clients know them."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate import errors
from sessiongate.wire import openid
from sessiongate.wire.openid import (
    LARGEST_FORM,
    OAuthError,
    Refusal,
    TokenSet,
    client_of,
    grant_of,
    read_form,
    scope_of,
)
from tests.basic import basic

FORM = "application/x-www-form-urlencoded"


def refusal(body: bytes, content_type: str | None = FORM) -> Refusal:
    with pytest.raises(OAuthError) as refused:
        read_form(body, content_type)
    return refused.value.refusal


def test_a_form_is_its_members() -> None:
    body = b"grant_type=password&password=a%26b%3D%C3%A4+c&scope="
    assert read_form(body, f"{FORM}; charset=UTF-8") == {
        "grant_type": "password",
        "password": "a&b=ä c",
        "scope": "",
    }


def test_no_body_is_no_member() -> None:
    assert read_form(b"", None) == {}
    assert read_form(b"", FORM) == {}


@pytest.mark.parametrize("content_type", ["application/json", None, "text/plain"])
def test_another_type_is_refused(content_type: str | None) -> None:
    assert refusal(b"grant_type=password", content_type).status == 415


def test_sec_73_a_form_is_no_larger_than_any_of_ours() -> None:
    """A megabyte of percent signs took 600 ms of everybody's time, 64 KiB of a stranger's 30."""
    assert read_form(b"a=" + b"%" * (LARGEST_FORM - 2), FORM) == {"a": "%" * (LARGEST_FORM - 2)}
    assert refusal(b"a=" + b"%" * LARGEST_FORM).status == 413
    client = basic("zerto", "%" * 60_000)
    with pytest.raises(OAuthError):
        client_of({}, [client])


def test_a_member_twice_is_refused() -> None:
    assert refusal(b"username=a&username=b") == Refusal(
        400, "invalid_request", "duplicated parameter"
    )


@pytest.mark.parametrize("body", [b"\xff", b"a=%ff", b"&".join([b"a=b"] * 200)])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    assert refusal(body).status == 400


def test_the_grant_is_judged_before_the_client() -> None:
    with pytest.raises(OAuthError) as missing:
        grant_of({})
    assert missing.value.refusal.description == "Missing form parameter: grant_type"
    with pytest.raises(OAuthError) as unknown:
        grant_of({"grant_type": "implicit"})
    assert unknown.value.refusal.code == "unsupported_grant_type"
    assert grant_of({"grant_type": "password"}) == "password"


@pytest.mark.parametrize(
    ("form", "authorization", "expected"),
    [
        ({"client_id": "robot"}, None, ("robot", None)),
        ({"client_id": "robot", "client_secret": "s"}, None, ("robot", "s")),
        ({}, basic("robot", "s:t"), ("robot", "s:t")),
        ({}, basic("ro%20bot", "s%2B"), ("ro bot", "s+")),
        ({"client_id": "robot"}, "Bearer x", ("robot", None)),
    ],
)
def test_a_client_says_who_it_is_by_form_or_basic(
    form: dict[str, str], authorization: str | None, expected: tuple[str, str | None]
) -> None:
    client = client_of(form, [authorization] if authorization is not None else [])
    assert (client.id, client.secret) == expected
    assert "s" not in repr(client).replace("ClientCredential", "").replace("robot", "")


@pytest.mark.parametrize("authorization", [None, "Basic ???", "Basic /w==", "Basic cjpz\xa0"])
def test_a_client_that_does_not_is_refused(authorization: str | None) -> None:
    with pytest.raises(OAuthError) as refused:
        client_of({}, [authorization] if authorization is not None else [])
    assert refused.value.refusal is openid.UNKNOWN_CLIENT


@pytest.mark.parametrize(
    ("form", "authorizations"),
    [
        ({"client_id": "zerto-client"}, [basic("robot", "s")]),
        ({"client_id": "robot", "client_secret": "t"}, [basic("robot", "s")]),
        ({"client_secret": "t"}, [basic("robot", "s")]),
        ({}, [basic("robot", "s"), basic("robot", "t")]),
        ({"client_id": "robot"}, ["Bearer x", basic("robot", "s"), basic("other", "s")]),
    ],
)
def test_sec_19_81_two_clients_that_disagree_are_none(
    form: dict[str, str], authorizations: list[str]
) -> None:
    with pytest.raises(OAuthError) as refused:
        client_of(form, authorizations)
    assert refused.value.refusal is openid.UNKNOWN_CLIENT


def test_a_client_that_says_twice_who_it_is_is_one() -> None:
    twice = [basic("robot", "s"), basic("robot", "s")]
    assert client_of({"client_id": "robot", "client_secret": "s"}, twice).id == "robot"


def test_openid_is_granted_where_it_is_asked_for() -> None:
    assert scope_of("") == "profile email"
    assert scope_of("email openid") == "openid profile email"
    assert openid.has_identity("openid profile email")
    assert not openid.has_identity("profile email")


def test_a_token_set_has_the_members_that_clients_read() -> None:
    full = TokenSet("a", 60, 1800, "Bearer", "profile email", "key", "r", "i")
    assert json.loads(openid.write_tokens(full)) == {
        "access_token": "a",
        "expires_in": 60,
        "refresh_expires_in": 1800,
        "refresh_token": "r",
        "token_type": "Bearer",
        "not-before-policy": 0,
        "session_state": "key",
        "scope": "profile email",
        "id_token": "i",
    }
    bare = json.loads(openid.write_tokens(TokenSet("a", 60, 0, "Bearer", "x")))
    assert "session_state" not in bare
    assert "refresh_token" not in bare
    assert "id_token" not in bare


def test_errors_are_those_of_rfc_6749() -> None:
    written = json.loads(openid.write_refusal(openid.FORMS[errors.LockedOut]))
    assert written == {
        "error": "invalid_grant",
        "error_description": "Invalid user credentials",
    }
    assert openid.FORMS[errors.LockedOut] == openid.FORMS[errors.BadCredentials]


def test_discovery_speaks_of_the_origin_that_the_client_used() -> None:
    document = json.loads(openid.discovery("https://zvm.example"))
    assert document["issuer"] == "https://zvm.example/auth/realms/zerto"
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith("https://zvm.example/auth/realms/zerto/")
    assert set(document["grant_types_supported"]) == set(openid.GRANTS)


def test_the_realm_says_where_tokens_are_made() -> None:
    document = json.loads(openid.realm("https://zvm.example", "key"))
    assert (document["realm"], document["public_key"]) == ("zerto", "key")
    assert f"{document['token-service']}/token" == f"https://zvm.example{openid.TOKEN}"
    assert json.loads(openid.write_inactive()) == {"active": False}


MEMBERS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.text(st.characters(codec="utf-8")),
    max_size=20,
)


@given(MEMBERS)
def test_what_was_written_is_read(members: dict[str, str]) -> None:
    assert read_form(urlencode(members).encode(), FORM) == members


@given(st.binary())
def test_any_body_is_a_form_or_an_oauth_error(body: bytes) -> None:
    """Whatever is sent is members or an OAuthError, and nothing else."""
    try:
        form = read_form(body, FORM)
    except OAuthError as refused:
        status = refused.refusal.status
    else:
        assert all(isinstance(value, str) for value in form.values())
        return
    assert status == 400
