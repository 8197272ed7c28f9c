"""httpx, with `auth=`, of a Client and of an AsyncClient: as `test_requests`, and tasks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from sessiongate_client import LoginRefused, WrongHost, ZertoSession
from tests.client.scripted import Reply, Scripted, scripted
from tests.until import PATIENCE

httpx = pytest.importorskip("httpx")


def test_a_dead_session_is_not_noticed(script: Scripted, session: ZertoSession) -> None:
    with httpx.Client(auth=session.httpx_auth) as client:
        session.current()
        script.expire()
        assert client.post(session.url("/v1/vpgs"), content=b"x").status_code == 200
    assert [one.body for one in script.asked if one.path == "/v1/vpgs"] == [b"x", b"x"]
    assert script.logins == 2


async def test_many_tasks_log_in_once(script: Scripted, session: ZertoSession) -> None:
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(auth=session.httpx_auth, limits=limits, timeout=60) as client:
        first = session.token
        script.expire()
        urls = [session.url("/v1/vpgs")] * 40
        answers = await asyncio.gather(*map(client.get, urls))
        assert {one.status_code for one in answers} == {200}
    assert script.logins == 2
    assert script.sessions == {session.token} != {first}


async def test_a_login_keeps_no_other_task_waiting(script: Scripted, session: ZertoSession) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        under_way.set()
        assert go_on.wait(PATIENCE)

    script.before_login = hold
    async with httpx.AsyncClient(auth=session.httpx_auth, timeout=60) as client:
        call = asyncio.create_task(client.get(session.url("/v1/vpgs")))
        await asyncio.to_thread(under_way.wait, 30)  # the loop goes on while the login does not
        go_on.set()
        assert (await call).status_code == 200


async def test_a_refusal_is_one_for_all_tasks(script: Scripted, session: ZertoSession) -> None:
    script.refuses = True
    async with httpx.AsyncClient(auth=session.httpx_auth, timeout=60) as client:
        urls = [session.url("/v1/vpgs")] * 20
        came = await asyncio.gather(*map(client.get, urls), return_exceptions=True)
    assert {type(one) for one in came} == {LoginRefused}
    assert script.logins == 1


async def test_a_body_of_one_shot_is_never_sent_again(
    script: Scripted, session: ZertoSession
) -> None:
    async def later() -> AsyncIterator[bytes]:
        yield b"once"

    def now() -> Iterator[bytes]:
        yield b"once"

    url = session.url("/v1/vpgs")
    session.current()
    script.expire()
    with httpx.Client(auth=session.httpx_auth) as client:
        assert client.post(url, content=now()).status_code == 401
    async with httpx.AsyncClient(auth=session.httpx_auth) as client:
        assert (await client.post(url, content=later())).status_code == 401
    assert script.counts["POST /v1/vpgs"] == 2


async def test_it_is_sent_again_once(script: Scripted, session: ZertoSession) -> None:
    script.answers["GET /v1/never"] = Reply(401)
    with httpx.Client(auth=session.httpx_auth) as client:
        for _ in range(3):
            assert client.get(session.url("/v1/never")).status_code == 401
    async with httpx.AsyncClient(auth=session.httpx_auth) as client:
        for _ in range(3):
            assert (await client.get(session.url("/v1/never"))).status_code == 401
    assert script.logins == 2
    assert script.counts["GET /v1/never"] == 6 + 1


async def test_what_is_busy_is_asked_again(
    script: Scripted, session: ZertoSession, waits: list[float]
) -> None:
    for verb in ("GET", "POST"):
        script.answers[f"{verb} /v1/x"] = Reply(503, {"Retry-After": "2"})
    with httpx.Client(auth=session.httpx_auth) as client:
        assert client.get(session.url("/v1/x")).status_code == 503
        assert client.post(session.url("/v1/x")).status_code == 503
    assert waits == [2.0] * 3
    async with httpx.AsyncClient(auth=session.httpx_auth) as client:
        assert (await client.get(session.url("/v1/x"))).status_code == 503
        assert (await client.post(session.url("/v1/x"))).status_code == 503
    assert waits == [2.0] * 6


async def test_no_redirect_takes_the_token_to_another_server(
    script: Scripted, session: ZertoSession
) -> None:
    with scripted() as (other, address):
        other.answers["GET /v1/x"] = Reply(401)
        script.answers["GET /v1/x"] = Reply(302, {"Location": f"{address}/v1/x"})
        with httpx.Client(auth=session.httpx_auth, follow_redirects=True) as client:
            assert client.get(session.url("/v1/x")).status_code == 401
        async with httpx.AsyncClient(auth=session.httpx_auth, follow_redirects=True) as client:
            assert (await client.get(session.url("/v1/x"))).status_code == 401
        assert len(other.asked) == 2
        assert session.token not in str(other.asked)
        assert script.logins == 1
        with pytest.raises(WrongHost):
            httpx.get(f"{address}/v1/x", auth=session.httpx_auth)


def test_a_redirect_within_the_server_keeps_it(script: Scripted, session: ZertoSession) -> None:
    script.answers["GET /v1/old"] = Reply(307, {"Location": "/v1/new"})
    with httpx.Client(auth=session.httpx_auth, follow_redirects=True) as client:
        answer = client.get(session.url("/v1/old"))
        assert answer.status_code == 200
        assert script.logins == 1
        script.answers["GET /v1/new"] = Reply(307, {"Location": "/v1/newer"})
        assert client.get(session.url("/v1/old")).status_code == 200
        script.expire()
        assert client.get(session.url("/v1/old")).status_code == 200
        assert script.logins == 2


def test_the_session_is_carried_once_whatever_the_caller_has_written(
    script: Scripted, session: ZertoSession
) -> None:
    with httpx.Client(auth=session.httpx_auth) as client:
        answer = client.get(session.url("/v1/vpgs"), headers={"X-Zerto-Session": "of before"})
    assert answer.status_code == 200
    carried = [value for name, value in answer.request.headers.raw if b"zerto" in name.lower()]
    assert carried == [session.token.encode()]


def test_headers_show_no_token(session: ZertoSession) -> None:
    with httpx.Client(auth=session.httpx_auth, cookies={"a": "b"}) as client:
        answer = client.get(session.url("/v1/vpgs"))
    assert answer.status_code == 200
    assert session.token not in repr(answer.request.headers) + repr(session.httpx_auth)
