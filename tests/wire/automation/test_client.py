"""What we ask of a vCenter about sessions of the Automation API, and how its answers are read."""

import pytest

from sessiongate.errors import BadCredentials, Malformed
from sessiongate.secret import Secret
from sessiongate.wire.automation.client import (
    FACES,
    RestSession,
    is_over,
    read_login,
    read_probe,
    session_header,
    write_login,
    write_logout,
    write_probe,
)
from sessiongate.wire.http import Answer
from tests.each import each

API, REST = FACES


def test_a_login_has_the_credential_in_its_head_and_shows_it_to_nobody() -> None:
    ask = write_login(API, "svc", Secret("a:b\u00e4"))
    assert ("authorization", "Basic c3ZjOmE6YsOk") in ask.headers
    assert ("vmware-use-header-authn", "true") in ask.headers
    assert (ask.method, ask.path, ask.body) == ("POST", API, b"")
    assert "c3Zj" not in repr(ask)
    with pytest.raises(BadCredentials):
        write_login(API, "a:b", Secret("x"))


@each("case", [(201, b'"abc"'), (200, b'{"value":"abc"}')])
def test_both_faces_tell_a_token(case: tuple[int, bytes]) -> None:
    token = read_login(Answer(case[0], (), case[1]))
    assert token is not None
    assert token.reveal() == "abc"


def test_a_refusal_is_no_token() -> None:
    assert read_login(Answer(401, (), b"")) is None


@each(
    "answer",
    [
        Answer(503, (), b""),
        Answer(404, (), b'"abc"'),
        Answer(200, (), b""),
        Answer(200, (), b"\xff"),
        Answer(200, (), b"[" * 5000),
        Answer(200, (), b"null"),
        Answer(200, (), b'""'),
        Answer(200, (), b"{}"),
        Answer(200, (), b'{"value":{"a":1}}'),
        Answer(200, (), b'"a b"'),
        Answer(200, (), b'"a\\r\\nb: c"'),
        Answer(200, (), b'"\xc3\xa4"'),
        Answer(200, (), b'"' + b"x" * 5000 + b'"'),
    ],
)
def test_sec_66_what_is_no_token_is_not_taken_for_one(answer: Answer) -> None:
    with pytest.raises(Malformed):
        read_login(answer)


def test_whether_a_session_lives() -> None:
    get, post = write_probe(API, Secret("abc")), write_probe(REST, Secret("abc"))
    assert (get.method, get.path) == ("GET", API)
    assert (post.method, post.path) == ("POST", f"{REST}?~action=get")
    told = {status: read_probe(Answer(status, (), b"")) for status in (200, 401, 400, 404, 405)}
    assert told == {200: True, 401: False, 400: None, 404: None, 405: None}
    with pytest.raises(Malformed):
        read_probe(Answer(503, (), b""))


def test_the_end_of_a_session() -> None:
    ask = write_logout(RestSession(REST, Secret("abc")))
    assert (ask.method, ask.path) == ("DELETE", REST)
    assert [
        status for status in (200, 204, 401, 404, 500, 503) if is_over(Answer(status, (), b""))
    ] == [
        200,
        204,
        401,
        404,
    ]


def test_a_token_of_a_cookie_loses_its_quotes() -> None:
    assert session_header(Secret('"abc"')) == ("vmware-api-session-id", "abc")
