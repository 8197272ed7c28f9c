"""One session for many threads: logins are counted, refusals are remembered, ends are sure."""

import json
import os
import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from sessiongate_client import (
    ApplianceSession,
    Busy,
    LoginRefused,
    SessionClosed,
    SessionError,
    UnexpectedAnswer,
    Unreachable,
    ZertoSession,
)
from sessiongate_client.session import Session
from tests.client.scripted import PASSWORD, USER, Reply, Scripted
from tests.until import PATIENCE, wait_until

MANY = 100


def at_once(deed: Callable[[], Any], times: int = MANY) -> list[Any]:
    """What came of a deed in so many threads that begin together."""
    start = threading.Barrier(times)
    came: list[Any] = []

    def one() -> None:
        start.wait(PATIENCE)
        try:
            came.append(deed())
        except SessionError as error:
            came.append(error)

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return came


def test_it_logs_in_when_it_is_used_and_out_at_the_end(
    script: Scripted, session: ZertoSession
) -> None:
    assert script.asked == []
    assert session.header == {"x-zerto-session": session.token}
    assert script.sessions == {session.token}
    assert session.logout()
    assert script.sessions == set()


def test_a_hundred_threads_log_in_once(script: Scripted, session: ZertoSession) -> None:
    tokens = at_once(lambda: session.token)
    assert len(tokens) == MANY
    assert len(set(tokens)) == 1
    assert script.logins == 1


def test_a_hundred_that_meet_the_same_dead_session_log_in_once(
    script: Scripted, session: ZertoSession
) -> None:
    dead = session.current()
    script.expire()
    found = at_once(lambda: session.instead_of(dead).token)
    assert len(set(found)) == 1
    assert set(found) == script.sessions
    assert script.logins == 2


def test_a_hundred_get_the_one_refusal(script: Scripted, session: ZertoSession) -> None:
    script.refuses = True
    came = at_once(lambda: session.token)
    assert len(came) == MANY
    assert {type(one) for one in came} == {LoginRefused}
    assert len(set(map(id, came))) == MANY  # each its own, with its own traceback
    assert script.logins == 1


def test_a_refused_password_is_sent_once_until_renew(
    script: Scripted, session: ZertoSession
) -> None:
    script.refuses = True
    for _ in range(3):
        with pytest.raises(LoginRefused) as refused:
            session.token  # noqa: B018
        assert refused.value.fault == "InvalidLogin"
    assert script.logins == 1
    script.refuses = False
    session.renew()
    assert script.logins == 2
    assert session.token in script.sessions


def test_an_outage_is_no_refusal(script: Scripted, session: ZertoSession) -> None:
    script.next = [Reply(500)]
    with pytest.raises(UnexpectedAnswer):
        session.token  # noqa: B018
    assert session.token in script.sessions


def test_nobody_there_is_told_so(session: ZertoSession) -> None:
    gone = ZertoSession("http://127.0.0.1:1", USER, PASSWORD)
    with pytest.raises(Unreachable, match="does not answer"):
        gone.token  # noqa: B018


def test_a_busy_server_is_asked_three_times_more_at_most(
    script: Scripted, session: ZertoSession, waits: list[float]
) -> None:
    script.next = [Reply(503, {"Retry-After": "2"})] * 3
    assert session.token in script.sessions
    assert waits == [2.0, 2.0, 2.0]
    session.logout()
    session.renew()
    script.answers["POST /v1/session/add"] = Reply(503, {"Retry-After": "1"})
    before = script.logins
    with pytest.raises(Busy) as busy:
        session.renew()
    assert busy.value.retry_after == 1.0
    assert script.logins - before == 4


@pytest.mark.parametrize("after", ["", "3600", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"])
def test_who_says_no_time_or_a_long_one_is_not_waited_for(
    script: Scripted, session: ZertoSession, waits: list[float], after: str
) -> None:
    script.next = [Reply(503, {"Retry-After": after} if after else {})]
    with pytest.raises(Busy):
        session.token  # noqa: B018
    assert waits == []
    assert script.logins == 1


def test_a_logout_at_a_busy_server_takes_no_longer_than_one_request_may(
    script: Scripted, session: ZertoSession, waits: list[float]
) -> None:
    for after, left, waited in (("2", 0, [2.0]), ("16", 1, [])):
        session.renew()
        script.next = [Reply(503, {"Retry-After": after})]
        assert session.logout() is (left == 0)
        assert len(script.sessions) == left
        assert waits == waited
        waits.clear()


def test_a_logout_is_told_once_and_ends_the_use(script: Scripted, session: ZertoSession) -> None:
    token = session.token
    assert session.logout()
    assert session.logout()
    assert script.counts["DELETE /v1/session"] == 1
    with pytest.raises(SessionClosed):
        session.token  # noqa: B018
    session.renew()
    assert session.token != token


def test_a_logout_raises_where_that_is_asked_for_only(
    script: Scripted, session: ZertoSession
) -> None:
    session.current()
    script.next = [Reply(500)]
    assert not session.logout()
    session.renew()
    script.next = [Reply(500)]
    with pytest.raises(SessionError, match="500"):
        session.logout(strict=True)


def test_a_session_that_is_renewed_leaves_none_behind(
    script: Scripted, session: ZertoSession
) -> None:
    first = session.token
    session.renew()
    assert script.sessions == {session.token}
    assert session.token != first


def test_one_that_was_taken_for_dead_wrongly_is_ended(
    script: Scripted, session: ZertoSession
) -> None:
    alive = session.current()
    assert session.instead_of(alive).token != alive.token
    assert script.sessions == {session.token}


def test_a_logout_amid_a_login_leaves_nothing(script: Scripted, session: ZertoSession) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        under_way.set()
        assert go_on.wait(PATIENCE)

    script.before_login = hold
    came: list[Any] = []

    def log_in() -> None:
        try:
            came.append(session.token)
        except SessionClosed as closed:
            came.append(closed)

    thread = threading.Thread(target=log_in)
    thread.start()
    assert under_way.wait(PATIENCE)
    session.logout()
    go_on.set()
    thread.join(PATIENCE)
    assert isinstance(came[0], SessionClosed)
    wait_until(lambda: not script.sessions)


def test_a_password_may_be_a_function(script: Scripted, zvm: tuple[Scripted, str]) -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return PASSWORD

    with ZertoSession(zvm[1], USER, ask) as session:
        assert asked == []
        script.expire()
        session.instead_of(session.current())
        assert len(asked) == 2


def test_nothing_shows_a_secret(session: ZertoSession) -> None:
    token = session.token
    shown = f"{session!r} {session.current()!r} {session.auth!r} {vars(session)!r}"
    assert token not in shown
    assert PASSWORD not in shown
    with pytest.raises(TypeError, match="not for storing"):
        pickle.dumps(session)


def test_a_forked_child_ends_nothing_of_its_parents(
    script: Scripted, session: ZertoSession
) -> None:
    token = session.token
    child = os.fork()
    if child == 0:
        os._exit(0 if session.logout() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert script.sessions == {token}
    assert script.counts["DELETE /v1/session"] == 0


def test_keeping_alive_opens_nothing(script: Scripted, session: ZertoSession) -> None:
    assert not session.keep_alive()
    session.current()
    assert session.keep_alive()
    script.expire()
    assert not session.keep_alive()
    assert script.logins == 1


def test_an_answer_of_any_length_is_read_in_part(script: Scripted, session: ZertoSession) -> None:
    script.next = [Reply(500, {"Content-Type": "application/json"}, b"[" * (3 << 20))]
    with pytest.raises(UnexpectedAnswer):
        session.token  # noqa: B018


def test_a_ca_that_is_none_is_told(tmp_path: Any) -> None:
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").write_text("")
        session = ZertoSession("https://127.0.0.1:1", USER, PASSWORD, ca=path)
        with pytest.raises(SessionError, match=r"ca: .*\.pem cannot be used"):
            session.token  # noqa: B018


def test_a_fingerprint_is_judged_at_once() -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        ZertoSession("https://zvm", USER, PASSWORD, fingerprint="AA:BB")
    line = "sha256 Fingerprint=" + ":".join(["AB"] * 32)  # as openssl prints it
    assert ZertoSession("https://zvm", USER, PASSWORD, fingerprint=line)


def test_a_session_has_a_dialect(zvm: tuple[Scripted, str]) -> None:
    with pytest.raises(NotImplementedError):
        Session(zvm[1], USER, PASSWORD).current()


def test_a_login_in_place_of_a_renewal_ends_the_session_of_before(
    zvm: tuple[Scripted, str],
) -> None:
    """Whether it is over, an appliance that cannot renew it just now has not said."""

    def tokens(number: int) -> Reply:
        said = {"access_token": f"t{number}", "refresh_token": f"r{number}", "expires_in": 60}
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    script, url = zvm
    now = [0.0]
    session = ApplianceSession(url, USER, PASSWORD, clock=lambda: now[0])
    script.next = [tokens(1)]
    assert session.token == "t1"
    now[0] = 60.0
    script.next = [Reply(500), tokens(2), Reply(204)]
    assert session.token == "t2"
    refresh, login, logout = script.asked[1:]
    assert b"refresh_token=r1" in refresh.body
    assert b"grant_type=password" in login.body
    assert logout.path.endswith("/logout")
    assert b"refresh_token=r1" in logout.body
    now[0] = 120.0
    script.next = [tokens(3)]
    assert session.token == "t3"
    assert len(script.asked) == 5, "one that is renewed is not ended"
    script.next = [Reply(204)]
    assert session.logout()


def test_a_token_that_cannot_be_renewed_serves_to_its_end(zvm: tuple[Scripted, str]) -> None:
    script, url = zvm
    now = [0.0]
    said = {"access_token": "t1", "refresh_token": "r1", "expires_in": 60}
    session = ApplianceSession(url, USER, PASSWORD, clock=lambda: now[0])
    script.next = [Reply(200, {"Content-Type": "application/json"}, json.dumps(said).encode())]
    assert session.token == "t1"
    now[0] = 56.0
    script.next = [Reply(500), Reply(502)]
    assert session.token == "t1"
    now[0] = 60.0
    script.next = [Reply(500), Reply(502)]
    with pytest.raises(UnexpectedAnswer):
        session.token  # noqa: B018
    assert not script.next
    script.next = [Reply(204)]
    assert session.logout()


def test_a_renew_amid_the_end_of_another_login_is_one_login(
    script: Scripted, session: ZertoSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`logout` came amid that one, so that it is ended; who asks then waits for the new one."""
    logging_in, ending = threading.Semaphore(0), threading.Event()
    go_on = [threading.Event() for _ in range(3)]
    turns = iter(go_on[:2])
    end = session._end

    def hold() -> None:
        logging_in.release()
        assert next(turns).wait(PATIENCE)

    def held_end(*given: Any) -> Any:
        ending.set()
        assert go_on[2].wait(PATIENCE)
        return end(*given)

    def quietly(deed: Callable[[], Any]) -> threading.Thread:
        def done() -> None:
            with suppress(SessionClosed):
                deed()

        thread = threading.Thread(target=done)
        thread.start()
        return thread

    script.before_login = hold
    monkeypatch.setattr(session, "_end", held_end)
    first = quietly(session.current)
    assert logging_in.acquire(timeout=PATIENCE)
    session.logout()
    go_on[0].set()
    assert ending.wait(PATIENCE)
    second = quietly(session.renew)
    assert logging_in.acquire(timeout=PATIENCE)
    go_on[2].set()
    first.join(PATIENCE)
    assert session._flight is not None, "that of renew() is still under way"
    go_on[1].set()
    second.join(PATIENCE)
    assert script.logins == 2
    assert script.sessions == {session.token}
