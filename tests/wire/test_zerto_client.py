"""What a ZVM is asked for sessions, and what of its answers is believed."""

import json
from base64 import b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs

import pytest

from sessiongate.errors import BadCredentials, Malformed
from sessiongate.secret import Secret
from sessiongate.wire import zerto_client as wire
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.zerto_client import Flavor, Renewal, TokenRefused, Tokens

PASSWORD = Secret("p&ß: =1")


def said(**members: Any) -> Answer:
    whole = {
        "access_token": "a.b.c",
        "token_type": "Bearer",
        "expires_in": 60,
        "refresh_token": "r.r.r",
        "refresh_expires_in": 1800,
    }
    body = {name: one for name, one in {**whole, **members}.items() if one is not None}
    return Answer(200, (), json.dumps(body).encode())


def test_a_password_grant_is_the_public_clients() -> None:
    ask = wire.write_password_grant("zoe", PASSWORD)
    form = parse_qs(ask.body.decode())
    assert form["grant_type"] == ["password"]
    assert form["client_id"] == ["zerto-client"]
    assert form["scope"] == ["openid"]
    assert (form["username"], form["password"]) == (["zoe"], [PASSWORD.reveal()])
    assert "p&" not in repr(ask)


def test_a_client_a_refresh_and_a_logout_name_what_they_go_by() -> None:
    form = parse_qs(wire.write_client_grant("robot", PASSWORD).body.decode())
    assert (form["client_id"], form["client_secret"]) == (["robot"], [PASSWORD.reveal()])
    for ask in (wire.write_refresh(Secret("r.r")), wire.write_token_logout(Secret("r.r"))):
        assert parse_qs(ask.body.decode())["refresh_token"] == ["r.r"]


def test_a_classic_session_is_asked_for_by_basic() -> None:
    ask = wire.write_start("CORP\\zoe", PASSWORD)
    blob = dict(ask.headers)["authorization"].removeprefix("Basic ")
    assert b64decode(blob).decode() == f"CORP\\zoe:{PASSWORD.reveal()}"
    assert ask.body == b""
    assert b'"AuthenticationMethod":1' in wire.write_start("z", PASSWORD, windows=False).body
    for name in ("a:b", "\ud800"):
        with pytest.raises(BadCredentials):
            wire.write_start(name, PASSWORD)
    with pytest.raises(BadCredentials):
        wire.write_password_grant("\ud800", PASSWORD)


def test_tokens_and_their_times_are_read() -> None:
    claims = urlsafe_b64encode(b'{"preferred_username":"zoe"}').decode().rstrip("=")
    found = wire.read_tokens(said(access_token=f"h.{claims}.s"))
    assert isinstance(found, Tokens)
    assert (found.life, found.refresh_life, found.name) == (60.0, 1800.0, "zoe")
    bare = wire.read_tokens(said(refresh_token=None, refresh_expires_in=0))
    assert isinstance(bare, Tokens)
    assert (bare.refresh.reveal(), bare.refresh_life, bare.name) == ("", 0.0, "")


@pytest.mark.parametrize(
    ("life", "rule"),
    [
        (None, "does not say expires_in"),
        (-1, "between 1 and"),
        (0, "between 1 and"),
        (1e15, "between 1 and"),
        (wire.LONGEST_LIFE + 1, "between 1 and"),
        ("60", "no number"),
        (True, "no number"),
        ([], "no number"),
    ],
)
def test_a_life_that_makes_no_sense_is_refused_and_says_why(life: object, rule: str) -> None:
    with pytest.raises(Malformed, match=rule):
        wire.read_tokens(said(expires_in=life))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, (), b"<html/>"),
        Answer(200, (), b"[]"),
        said(token_type="mac"),
        said(access_token=""),
        said(access_token="a b"),
        said(access_token="a\r\nx: y"),
        said(access_token="x" * 20_000),
        said(refresh_expires_in=-5),
        Answer(503, (), b""),
        Answer(404, (), b""),
        Answer(401, (), b"<html/>"),
    ],
)
def test_what_is_no_token_set_is_none(answer: Answer) -> None:
    with pytest.raises(Malformed):
        wire.read_tokens(answer)


def test_a_name_that_cannot_be_read_is_none() -> None:
    for text in ("h.!!!.s", "h.bm90IGpzb24.s", "one.two"):
        found = wire.read_tokens(said(access_token=text))
        assert isinstance(found, Tokens)
        assert found.name == ""


def test_refusals_have_oauths_word() -> None:
    body = b'{"error":"invalid_grant","error_description":"Invalid user credentials"}'
    for status in (400, 401):
        found = wire.read_tokens(Answer(status, (), body))
        assert found == TokenRefused("invalid_grant", "Invalid user credentials")
    assert wire.is_over(Answer(400, (), body))
    assert not wire.is_over(Answer(400, (), b'{"error":"invalid_request"}'))
    assert not wire.is_over(Answer(400, (), b""))
    assert wire.is_over(Answer(204, (), b""))
    assert not wire.is_over(Answer(503, (), b""))


def test_a_classic_login_is_read() -> None:
    header = ("x-zerto-session", "527ffdec-4cb0-eb4c-2067-5488cba47134")
    token = wire.read_start(Answer(200, (header,), b""))
    assert token is not None
    assert wire.carrier(WireForm.ZERTO, token) == header
    assert wire.carrier(WireForm.BEARER, token)[0] == "authorization"
    assert wire.read_start(Answer(401, (), b"")) is None
    for answer in (Answer(200, (), b""), Answer(200, (header, header), b""), Answer(500, (), b"")):
        with pytest.raises(Malformed):
            wire.read_start(answer)


def test_which_kind_it_is_can_be_told_without_a_password() -> None:
    assert wire.says_appliance(Answer(200, (), b'{"issuer":"https://z/auth/realms/zerto"}'))
    assert not wire.says_appliance(Answer(404, (), b""))
    assert wire.says_classic(Answer(401, (), b""))
    assert not wire.says_classic(Answer(404, (), b""))
    for ask in (wire.write_discovery(), wire.write_unnamed_start()):
        assert "authorization" not in dict(ask.headers)
    assert wire.write_probe(WireForm.ZERTO, Secret("t")).method == "GET"
    assert wire.write_end(Secret("t")).method == "DELETE"


def test_a_session_is_the_same_after_it_was_written_down() -> None:
    renewal = Renewal(Secret("r"), 60.0, 1000.5, 1800.0, 7.0)
    session = wire.zvm_session(Flavor.APPLIANCE, Secret("a"), "zoe", renewal, 5.0)
    times = wire.write_times(renewal)
    found = wire.read_session(session.form.value, session.token, renewal.refresh, times)
    assert found.renewal is not None
    assert (wire.write_times(found.renewal), found.good_until) == (times, None)
    assert (found.token.reveal(), found.renewal.refresh.reveal()) == ("a", "r")
    classic = wire.read_session("x-zerto-session", Secret("id"), Secret(""), "")
    assert (classic.form, classic.renewal) == (WireForm.ZERTO, None)
    with pytest.raises(ValueError, match="unpack"):
        wire.read_session("bearer", Secret("a"), Secret("r"), "1 2")
