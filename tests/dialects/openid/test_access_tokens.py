"""Access tokens: ours are read, everything else is nothing, and time ends them."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from sessiongate.dialects.openid.access_tokens import AccessTokens, subject_of
from sessiongate.testing import FakeClock, a_session
from tests.each import each

KEY = RSAKey.generate_key(2048, private=True)
ISSUER = "https://zvm.example/auth/realms/zerto"
SESSION = a_session("the secret token", principal="ada")


def made(clock: FakeClock) -> AccessTokens:
    return AccessTokens(KEY, clock, timedelta(seconds=60))


def part(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_was_signed_is_read() -> None:
    tokens = made(FakeClock())
    client, life = "zerto-client", timedelta(minutes=30)
    for kind, token in (
        ("Bearer", tokens.access(SESSION, ISSUER, client, "profile email", 7)),
        ("Refresh", tokens.refresh(SESSION, ISSUER, client, "openid", life, 7)),
    ):
        claims = tokens.read(token)
        assert claims is not None
        assert (claims.digest, claims.key, claims.client) == (SESSION.digest, SESSION.key, client)
        assert (claims.kind, claims.generation, claims.expired) == (kind, 7, False)


def test_claims_are_those_that_clients_know() -> None:
    clock = FakeClock()
    token = made(clock).access(SESSION, ISSUER, "zerto-client", "openid profile email")
    claims = part(token, 1)
    kid = made(clock).public()["keys"][0]["kid"]
    assert part(token, 0) == {"alg": "RS256", "typ": "JWT", "kid": kid}
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iat"] == int(clock.now().timestamp())
    assert (claims["iss"], claims["aud"], claims["azp"], claims["typ"]) == (
        ISSUER,
        "account",
        "zerto-client",
        "Bearer",
    )
    assert claims["sid"] == claims["session_state"] == SESSION.key
    assert claims["sub"] == subject_of(SESSION)
    assert claims["preferred_username"] == SESSION.login_name
    assert claims["realm_access"] == {"roles": sorted(SESSION.roles)}


def test_sec_02_a_signed_token_does_not_hold_the_session_token() -> None:
    tokens = made(FakeClock())
    for token in (
        tokens.access(SESSION, ISSUER, "c", ""),
        tokens.refresh(SESSION, ISSUER, "c", "openid", timedelta(minutes=30)),
        tokens.identity(SESSION, ISSUER, "c"),
    ):
        assert "the secret token" not in json.dumps(part(token, 1))


def test_a_token_is_over_at_its_limit_itself() -> None:
    clock = FakeClock()
    tokens = made(clock)
    token = tokens.access(SESSION, ISSUER, "c", "")
    clock.tick(timedelta(seconds=59))
    before = tokens.read(token)
    assert before is not None
    assert not before.expired
    clock.tick(timedelta(seconds=1))
    after = tokens.read(token)
    assert after is not None
    assert after.expired


def test_one_kind_is_not_another() -> None:
    tokens = made(FakeClock())
    read = [
        tokens.read(token)
        for token in (
            tokens.access(SESSION, ISSUER, "c", ""),
            tokens.refresh(SESSION, ISSUER, "c", "openid", timedelta(minutes=30)),
            tokens.identity(SESSION, ISSUER, "c"),
        )
    ]
    assert [claims.kind for claims in read if claims is not None] == ["Bearer", "Refresh", "ID"]


def test_a_token_of_an_earlier_release_is_of_the_first_generation() -> None:
    tokens = made(FakeClock())
    facts = part(tokens.refresh(SESSION, ISSUER, "c", "openid", timedelta(minutes=30), 3), 1)
    del facts["sgg"]
    claims = tokens.read(jwt.encode({"alg": "RS256"}, facts, KEY))
    assert claims is not None
    assert claims.generation == 0


def signed_with(secret: bytes, text: str) -> str:
    """An HMAC made by hand: the library itself refuses a public key as a secret."""
    digest = hmac.digest(secret, text.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def forgeries() -> dict[str, str]:
    """Tokens that nobody of ours has signed."""
    tokens = made(FakeClock())
    good = tokens.access(SESSION, ISSUER, "c", "")
    header, claims, signature = good.split(".")
    facts = {**part(good, 1), "sid": "another"}
    other = RSAKey.generate_key(2048, private=True)
    public = KEY.as_pem(private=False)
    kid = part(good, 0)["kid"]
    confused = f"{encoded({'alg': 'HS256', 'kid': kid})}.{encoded(facts)}"
    return {
        "none": f"{encoded({'alg': 'none'})}.{encoded(facts)}.",
        "None": f"{encoded({'alg': 'None'})}.{encoded(facts)}.{signature}",
        "no signature": f"{header}.{claims}.",
        "another key": jwt.encode({"alg": "RS256", "kid": kid}, facts, other),
        "the public key as a secret": f"{confused}.{signed_with(public, confused)}",
        "other claims": f"{header}.{encoded(facts)}.{signature}",
        "another algorithm": f"{encoded({'alg': 'RS512'})}.{claims}.{signature}",
        "a key of its own": jwt.encode(
            {"alg": "RS256", "jwk": other.as_dict(private=False)}, facts, other
        ),
        "two parts": f"{header}.{claims}",
        "five parts": f"{header}.{claims}.{signature}.x.y",
        "empty": "",
        "dots": "..",
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the library warns of the forger's choice of a key
@each("kind", sorted(forgeries()))
def test_sec_55_a_forged_token_is_nothing(kind: str) -> None:
    assert made(FakeClock()).read(forgeries()[kind]) is None


@pytest.mark.slow
@given(st.text())
def test_any_text_is_a_token_of_ours_or_nothing(text: str) -> None:
    """Whatever a client brings is read or is None; nothing else comes of it."""
    assert made(FakeClock()).read(text) is None


def test_the_published_key_verifies_and_is_not_the_private_one() -> None:
    tokens = made(FakeClock())
    (published,) = tokens.public()["keys"]
    assert (published["kty"], published["alg"], published["use"]) == ("RSA", "RS256", "sig")
    assert "d" not in published
    token = tokens.access(SESSION, ISSUER, "c", "")
    assert jwt.decode(token, RSAKey.import_key(published)).claims["sid"] == SESSION.key
    assert len(tokens.public_der()) > 300


def test_a_subject_is_one_for_a_user_and_another_for_each_other() -> None:
    assert subject_of(SESSION) == subject_of(a_session("other", principal="ada"))
    assert subject_of(SESSION) != subject_of(a_session("other", principal="bob"))
