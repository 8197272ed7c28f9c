"""`auth=` for httpx, of a Client and of an AsyncClient: as `requests` is for requests.

What blocks, which is a login, runs in a thread where the caller is a task.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

import httpx

from .faults import may_tell
from .repeats import Repeats, merge_cookie

if TYPE_CHECKING:
    from .session import Session
    from .wire import Opened

T = TypeVar("T")

_MOST_REDIRECTS = 20
"""As many as httpx follows by itself."""


class SessionAuth(httpx.Auth):
    """Made by `Session.httpx_auth`. One may be used by any number of threads and tasks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        """Of which session."""
        return f"SessionAuth({self._session!r})"

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> typing.Generator[httpx.Request, httpx.Response, None]:
        """See httpx. Raises WrongHost, and what a login raises."""
        self._session.check_host(str(request.url))
        story = _Story(self._session, request, self._session.current())
        response = yield request
        while True:
            if may_tell(response.status_code, response.headers.get("Content-Type", "")):
                response.read()
            if story.has_lost_it(response):
                pass
            elif story.is_refused(response):
                if not self._session.is_over(story.opened, str(response.request.url)):
                    return
                story.opened = self._session.instead_of(story.opened)
            else:
                pause = story.pause(response)
                if pause is None:
                    return
                self._session.wait(pause)
            response = yield story.again(response)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> typing.AsyncGenerator[httpx.Request, httpx.Response]:
        """See httpx. Raises WrongHost, and what a login raises."""
        import anyio.to_thread  # httpx needs it for its own connections

        async def off(deed: Callable[[], T]) -> T:
            return await anyio.to_thread.run_sync(deed)

        session = self._session
        session.check_host(str(request.url))
        story = _Story(session, request, await off(session.current))
        response = yield request
        while True:
            if may_tell(response.status_code, response.headers.get("Content-Type", "")):
                await response.aread()
            if story.has_lost_it(response):
                pass
            elif story.is_refused(response):
                dead, url = story.opened, str(response.request.url)
                if not await off(lambda: session.is_over(dead, url)):  # noqa: B023 - awaited
                    return
                story.opened = await off(lambda: session.instead_of(dead))  # noqa: B023 - awaited
            else:
                pause = story.pause(response)
                if pause is None:
                    return
                await off(lambda: session.wait(pause))  # noqa: B023 - awaited
            response = yield story.again(response)


class _Story:
    """What becomes of one request."""

    def __init__(self, session: Session, request: httpx.Request, opened: Opened) -> None:
        self._session = session
        self._repeats = Repeats(session.wait)
        self._redirects_left = _MOST_REDIRECTS
        self.opened = opened
        self._put_on(request)

    def is_refused(self, response: httpx.Response) -> bool:
        """Whether the session is dead, and the request may be sent once more."""
        kind = response.headers.get("Content-Type", "")
        body = response.content if may_tell(response.status_code, kind) else b""
        if not self._is_ours(response):
            return False
        if not self._session.is_dead(response.status_code, kind, body):
            return False
        if not self._repeats.once():
            self._session.was_in_vain(str(response.request.url))
            return False
        return _has_its_body(response.request)

    def has_lost_it(self, response: httpx.Response) -> bool:
        """Whether this answers what followed a redirect within the server, without the session."""
        lost = not isinstance(response.request.headers, _Carrying) and self._is_ours(response)
        if response.status_code != 401 or not lost or not self._redirects_left:
            return False
        self._redirects_left -= 1
        return _has_its_body(response.request)

    def pause(self, response: httpx.Response) -> Optional[float]:
        """The seconds after which to send it again; None for never."""
        if not self._is_ours(response):
            return None
        status, after = response.status_code, response.headers.get("Retry-After", "")
        return self._repeats.pause(status, response.request.method, after)

    def again(self, response: httpx.Response) -> httpx.Request:
        """The same request, on the session of now: after a redirect, where that has led to."""
        self._put_on(response.request)
        return response.request

    def _is_ours(self, response: httpx.Response) -> bool:
        return self._session.owns(str(response.request.url))

    def _put_on(self, request: httpx.Request) -> None:
        request.headers = _Carrying(request.headers, self._session.carry(self.opened))


def _has_its_body(request: httpx.Request) -> bool:
    """Whether the body is there in whole, so that it can be sent again."""
    return isinstance(request.stream, httpx.ByteStream)


class _Carrying(httpx.Headers):
    """Headers of one request with the session on top, which no copy of them has.

    httpx makes the request that follows a redirect of a copy, and would send the session along,
    to whatever server it leads to.
    """

    def __init__(self, headers: httpx.Headers, carried: dict[str, str]) -> None:
        cookies = httpx.Headers(headers).get("Cookie", "")
        self._carried = {
            name: merge_cookie(cookies, value) if name == "Cookie" else value
            for name, value in carried.items()
        }
        super().__init__(headers)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """What is sent."""
        on_top = {name.lower().encode(): value for name, value in self._carried.items()}
        below = [pair for pair in super().raw if pair[0].lower() not in on_top]
        return [*below, *((name, value.encode("latin-1")) for name, value in on_top.items())]

    def __repr__(self) -> str:
        """Without the session."""
        return f"Headers({httpx.Headers(self)!r})"
