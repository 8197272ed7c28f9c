"""The endpoints that answer proxies: 200 lets the client through, everything else does not."""

from collections import Counter
from collections.abc import Callable

from sessiongate.audit.access_checks import AccessChecks
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import NO_STORE, caller, client_of, known
from sessiongate.errors import Malformed, NoSession, SessionGateError, Unavailable
from sessiongate.http.message import Hop, Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.rules.forward_auth import AccessPolicy, AccessVerdict, ProxiedRequest, decide
from sessiongate.service.sessions import Sessions
from sessiongate.session import Client, Session
from sessiongate.wire.forward_auth import (
    CARRIERS,
    CHALLENGE,
    IDENTITY,
    identity,
    readings,
    require_one_carrier,
)

DIALECT = "forward-auth"

_TEXT = ("content-type", "text/plain; charset=utf-8")
_NO_SESSION = b"There is no live session with this request. Log in first.\n"
_DENIED = b"This session may not do this.\n"
_UNDECIDED = b"Whether this may be done cannot be found out at the moment.\n"

_LETS_THROUGH = AccessVerdict.ALLOWED
_ALLOWED = _LETS_THROUGH.value

UNTRUSTED = "untrusted"
MALFORMED = "malformed"
NO_SESSION = "no_session"
UNAVAILABLE = "unavailable"


class ForwardAuthEndpoint:
    """One of the three. `read` finds what the client wants where this convention has it."""

    def __init__(
        self,
        name: str,
        read: Callable[[Request, Hop], ProxiedRequest],
        sessions: Sessions,
        bearers: Bearers,
        policy: AccessPolicy,
        checks: AccessChecks,
        counts: Counter[tuple[str, str]],
        *,
        redirects: bool,
    ) -> None:
        """`redirects`: whether the proxies that ask here pass a 302 on to the client."""
        self._name = name
        self._read = read
        self._sessions = sessions
        self._bearers = bearers
        self._rules = policy.rules
        self._names = IDENTITY[policy.headers]
        self._touch = policy.touch
        self._login_url = policy.login_url if redirects else ""
        self._checks = checks
        self._counts = counts

    async def __call__(self, request: Request) -> Reply:
        """Answer a proxy. What cannot be decided is no."""
        hop = request.hop
        if hop is None:
            # What it says of others is a stranger's claim, and not even read.
            return self._refused(request, UNTRUSTED, f"by no trusted proxy: {request.peer}")
        try:
            wanted, *others = readings(self._read(request, hop), request.headers)
        except Malformed as error:
            return self._refused(request, MALFORMED, f"{error}, through {hop.address}")
        try:
            session = await self._session(request)
        except NoSession as error:
            return self._no_session(request, wanted, _audit_text(wanted, hop), error)
        except Unavailable as error:
            return self._refused(request, UNAVAILABLE, _audit_text(wanted, hop), error=error)
        for one in (wanted, *others):
            verdict = decide(self._rules, one, session.roles)
            if verdict is not _LETS_THROUGH:
                also = "" if one is wanted else f", as {one.method[:_LONGEST_METHOD]}"
                said = f"{_audit_text(wanted, hop)}{also}"
                return self._refused(request, verdict.value, said, session=session)
        self._counts[self._name, _ALLOWED] += 1
        if not self._checks.is_known(session, wanted.host):
            client, said = self._client(request), _audit_text(wanted, hop)
            self._checks.allowed(session, client, self._name, wanted.host, said)
        return Reply(200, (NO_STORE, *self._identity(session)))

    async def _session(self, request: Request) -> Session:
        require_one_carrier(request.headers)
        found = await caller(
            request,
            self._sessions,
            self._bearers,
            CARRIERS,
            touch=self._touch,
            any_upstream=True,
        )
        return known(found)

    def _identity(self, session: Session) -> tuple[tuple[str, str], ...]:
        return identity(self._names, session.principal, session.roles, session.full_name)

    def _no_session(
        self, request: Request, wanted: ProxiedRequest, said: str, error: NoSession
    ) -> Reply:
        reply = self._refused(request, NO_SESSION, f"{said}: {error}")
        if self._login_url and wanted.method in ("GET", "HEAD") and _is_browser(request):
            return Reply(302, (NO_STORE, ("location", self._login_url)))
        return reply

    def _refused(
        self,
        request: Request,
        reason: str,
        said: str,
        *,
        session: Session | None = None,
        error: Unavailable | None = None,
    ) -> Reply:
        self._counts[self._name, reason] += 1
        client = self._client(request)
        self._checks.refused(client, self._name, said, reason, session=session, error=error)
        if error is not None:
            return _reply(503, _UNDECIDED, *extra_headers(error))
        return _reply(401, _NO_SESSION, CHALLENGE) if reason == NO_SESSION else _reply(403, _DENIED)

    def _client(self, request: Request) -> Client:
        return client_of(request, DIALECT)


# Of a path, in the audit: the rest of the line has room beside it.
_LONGEST = 160


_LONGEST_METHOD = 32


def _audit_text(wanted: ProxiedRequest, hop: Hop) -> str:
    """What the audit says of a request."""
    return f"{wanted.method} {wanted.host}{wanted.path[:_LONGEST]} through {hop.address}"


def _is_browser(request: Request) -> bool:
    """Whether a page is asked for, by somebody who can go to another one."""
    return any("text/html" in value.lower() for value in request.all("accept"))


def _reply(status: int, text: bytes, *more: tuple[str, str]) -> Reply:
    return Reply(status, (_TEXT, NO_STORE, *more), text)


def refuse(_: Request, error: SessionGateError | None) -> Reply:
    """What is refused before an endpoint is asked, and errors that nobody foresaw."""
    return _reply(403, _DENIED) if error is not None else _reply(500, _UNDECIDED)
