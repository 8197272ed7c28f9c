"""`auth=` for requests: carries the session, logs in anew when it is dead, repeats the request.

A request is sent once more only where the server refused the session, before any work, and where
its body can be sent again; a GET, HEAD or OPTIONS also after a 503 that says when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import urljoin

from requests.auth import AuthBase

from .faults import may_tell
from .repeats import Repeats, merge_cookie

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

    from .session import Session


class SessionAuth(AuthBase):
    """Made by `Session.auth`. One may be used by any number of threads."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put the session on a request. Raises WrongHost, and what a login raises."""
        self._session.check_host(r.url or "")
        story = _Story(self._session, r)
        r.register_hook("response", story.seen)
        return r

    def __repr__(self) -> str:
        """Of which session."""
        return f"SessionAuth({self._session!r})"


class _Story:
    """What becomes of one request."""

    def __init__(self, session: Session, request: PreparedRequest) -> None:
        self._session = session
        self._first = request
        self._cookie = str(request.headers.get("Cookie") or "")
        self._opened = session.current()
        self._place = _place_in(request.body)
        self._repeats = Repeats(session.wait)
        self._put_on(request)

    def seen(self, response: Response, **how: Any) -> Response:
        """The response that the caller gets: this one, or that of the request repeated."""
        while self._session.owns(response.url) and self._is_to_be_repeated(response):
            request = response.request.copy()
            if not _rewind(request.body, self._place):
                break
            response.content  # noqa: B018 - so that the connection can be used again
            response.close()
            self._put_on(request)
            again: Response = response.connection.send(request, **how)
            again.history.append(response)
            again.request = request
            response = again
        self._keep_from_others(response)
        return response

    def _is_to_be_repeated(self, response: Response) -> bool:
        kind = response.headers.get("Content-Type", "")
        body = response.content if may_tell(response.status_code, kind) else b""
        if self._session.is_dead(response.status_code, kind, body):
            if not self._repeats.once():
                self._session.was_in_vain(response.url)
                return False
            if not _rewind(response.request.body, self._place):
                return False
            if not self._session.is_over(self._opened, response.url):
                return False
            self._opened = self._session.instead_of(self._opened)
            return True
        verb, after = response.request.method or "", response.headers.get("Retry-After", "")
        return self._repeats.after_503(response.status_code, verb, after)

    def _put_on(self, request: PreparedRequest) -> None:
        # What follows a redirect takes the headers of the request that came first.
        for one in (request, self._first):
            for name, value in self._session.carry(self._opened).items():
                one.headers[name] = merge_cookie(self._cookie, value) if name == "Cookie" else value

    def _keep_from_others(self, response: Response) -> None:
        """Let no redirect carry the session to another server."""
        where = response.headers.get("Location")
        if where is None or not response.is_redirect:
            return
        if not self._session.owns(urljoin(response.url, where)):
            for one in (response.request, self._first):
                for name in self._session.carry(self._opened):
                    one.headers.pop(name, None)


def _place_in(body: Any) -> Optional[int]:
    """Where a file's body begins; None where that cannot be found again."""
    try:
        place: int = body.tell()
    except (AttributeError, OSError):
        return None
    return place


def _rewind(body: Any, place: Optional[int]) -> bool:
    """Whether this body can be sent once more; a file is put back to where it began."""
    if body is None or isinstance(body, (bytes, str)):
        return True
    if place is None:
        return False
    try:
        body.seek(place)
    except (AttributeError, OSError):
        return False
    return True


def adapter(session: Session) -> HTTPAdapter:
    """For `mount` of a `requests.Session`: it believes whom the session believes.

    Needed for a `fingerprint`, which `verify=` cannot say.
    """
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *given: Any, **named: Any) -> None:
            super().init_poolmanager(*given, **{**named, "ssl_context": context})

        def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
            """Nothing: the context has its own idea."""

        def build_connection_pool_key_attributes(self, *given: Any, **named: Any) -> Any:
            host, _pool = super().build_connection_pool_key_attributes(*given, **named)
            return host, pinned

    context: ssl.SSLContext = session.ssl_context()
    pinned: dict[str, Any] = {"ssl_context": context}
    if not context.check_hostname:
        pinned.update(assert_hostname=False, assert_fingerprint=session.fingerprint)
    return Adapter()
