"""requests, with `auth=`: what is repeated, what is not, and where the token goes."""

from collections.abc import Iterator
from io import BytesIO

import pytest
import requests

from sessiongate_client import SessionClosed, WrongHost, ZertoSession
from tests.client.scripted import Reply, Scripted, scripted
from tests.each import each


def test_a_dead_session_is_not_noticed(script: Scripted, session: ZertoSession) -> None:
    session.current()
    script.expire()
    answer = requests.get(session.url("/v1/vpgs"), auth=session.auth)
    assert answer.status_code == 200
    assert [one.status_code for one in answer.history] == [401]
    assert (script.logins, script.counts["GET /v1/vpgs"]) == (2, 2)


@pytest.mark.parametrize(
    "body", [None, b"x", "x", BytesIO(b"axx")], ids=["none", "bytes", "text", "file"]
)
def test_a_body_that_is_there_is_sent_again(
    script: Scripted, session: ZertoSession, body: bytes | str | BytesIO | None
) -> None:
    session.current()
    script.expire()
    if isinstance(body, BytesIO):
        body.seek(1)
    answer = requests.post(session.url("/v1/vpgs"), data=body, auth=session.auth)
    assert answer.status_code == 200
    sent = [one.body for one in script.asked if one.path == "/v1/vpgs"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_a_body_of_one_shot_is_never_sent_again(script: Scripted, session: ZertoSession) -> None:
    session.current()
    script.expire()

    def body() -> Iterator[bytes]:
        yield b"once"

    answer = requests.post(session.url("/v1/vpgs"), data=body(), auth=session.auth)
    assert answer.status_code == 401
    assert script.counts["POST /v1/vpgs"] == 1


def test_it_is_sent_again_once(script: Scripted, session: ZertoSession) -> None:
    script.answers["GET /v1/never"] = Reply(401)
    for _ in range(5):
        assert requests.get(session.url("/v1/never"), auth=session.auth).status_code == 401
    # An address that refuses everybody has cost one login more, and no more.
    assert script.logins == 2
    assert script.counts["GET /v1/never"] == 5 + 1
    assert script.sessions == {session.token}


@each(
    ("verb", "status", "after", "asked"),
    [
        ("GET", 503, "1", 4),
        ("HEAD", 503, "1", 4),
        ("POST", 503, "1", 1),
        ("DELETE", 503, "1", 1),
        ("GET", 503, "", 1),
        ("GET", 503, "3600", 1),
        ("GET", 500, "1", 1),
        ("GET", 502, "1", 1),
        ("GET", 429, "1", 1),
        ("GET", 403, "1", 1),
    ],
)
def test_what_is_busy_is_asked_again_where_that_does_no_harm(
    verb: str, status: int, after: str, asked: int
) -> None:
    waits: list[float] = []
    with scripted() as (script, url), ZertoSession(url, "u", "p", wait=waits.append) as session:
        headers = {"Retry-After": after} if after else {}
        script.answers[f"{verb} /v1/x"] = Reply(status, headers)
        answer = requests.request(verb, session.url("/v1/x"), auth=session.auth)
        assert answer.status_code == status
        assert script.counts[f"{verb} /v1/x"] == asked
        assert waits == [1.0] * (asked - 1)


def test_no_redirect_takes_the_token_to_another_server(
    script: Scripted, session: ZertoSession
) -> None:
    with scripted() as (other, address):
        other.answers["GET /v1/x"] = Reply(200)
        script.answers["GET /v1/x"] = Reply(302, {"Location": f"{address}/v1/x"})
        assert requests.get(session.url("/v1/x"), auth=session.auth).status_code == 200
        assert len(other.asked) == 1
        assert session.token not in str(other.asked)
        # Nor is that server's refusal taken for one of ours.
        other.answers["GET /v1/x"] = Reply(401)
        assert requests.get(session.url("/v1/x"), auth=session.auth).status_code == 401
        assert script.logins == 1


def test_a_redirect_within_the_server_keeps_it(script: Scripted, session: ZertoSession) -> None:
    script.answers["GET /v1/old"] = Reply(307, {"Location": "/v1/new"})
    assert requests.get(session.url("/v1/old"), auth=session.auth).status_code == 200
    script.expire()
    answer = requests.get(session.url("/v1/old"), auth=session.auth)
    assert answer.status_code == 200
    assert script.logins == 2


def test_a_dead_session_before_a_redirect(script: Scripted, session: ZertoSession) -> None:
    session.current()
    script.expire()
    script.next = [Reply(401)]
    script.answers["GET /v1/old"] = Reply(307, {"Location": "/v1/new"})
    assert requests.get(session.url("/v1/old"), auth=session.auth).status_code == 200
    assert script.logins == 2


def test_the_token_goes_to_no_other_server(session: ZertoSession) -> None:
    with scripted() as (other, address):
        with pytest.raises(WrongHost):
            requests.get(f"{address}/v1/x", auth=session.auth)
        assert other.asked == []


def test_after_logout_nothing_is_sent(script: Scripted, session: ZertoSession) -> None:
    session.current()
    session.logout()
    with pytest.raises(SessionClosed):
        requests.get(session.url("/v1/x"), auth=session.auth)
    assert script.counts["GET /v1/x"] == 0


def test_cookies_of_the_caller_stay(script: Scripted, session: ZertoSession) -> None:
    requests.get(session.url("/v1/x"), auth=session.auth, cookies={"a": "b"})
    assert script.asked[-1].headers["cookie"] == "a=b"
