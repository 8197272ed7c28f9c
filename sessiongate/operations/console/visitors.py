"""Who is signed in at the console: its cookie, and the session behind it.

Such a session is one of the dialect `console` in the same table as all others. Its token opens the
console and nothing else, and no other token opens the console: one that was stolen from a script
does not become a person's. Its limits are the console's own, beside those of all sessions. Looking
at a page that asks for itself again does not touch it: an open tab keeps nobody signed in.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sessiongate.clock import Clock
from sessiongate.http.message import Request
from sessiongate.rules.life import judge
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.session import CONSOLE, Ended, Limits, Session

SECURE_COOKIE = "__Host-sessiongate"
PLAIN_COOKIE = "sessiongate-console"
"""Where there is no TLS, which is on this machine alone: browsers take no `__Host-` there."""

_LONGEST_TOKEN = 256


def cookie_named(request: Request) -> str:
    """What the cookie is called on this connection."""
    return SECURE_COOKIE if request.secure else PLAIN_COOKIE


def cookie_of(request: Request, token: str, age: timedelta | None = None) -> tuple[str, str]:
    """The header that has a browser keep this token, or with an age of 0 forget it."""
    secure = "; Secure" if request.secure else ""
    until = f"; Max-Age={int(age.total_seconds())}" if age is not None else ""
    text = f"{cookie_named(request)}={token}; Path=/{until}; HttpOnly; SameSite=Strict{secure}"
    return "set-cookie", text


def tokens_in(headers: Sequence[tuple[str, str]], name: str) -> set[str]:
    """Every token that the cookies of this name carry."""
    found = set()
    for header, value in headers:
        if header != "cookie":
            continue
        for part in value.split(";"):
            given, equals, text = part.strip().partition("=")
            if equals and given == name and 0 < len(text) <= _LONGEST_TOKEN:
                found.add(text)
    return found


class Visitors:
    """The people who are signed in."""

    def __init__(self, sessions: Sessions, clock: Clock, limits: Limits) -> None:
        self._sessions = sessions
        self._clock = clock
        self.limits = limits
        self._keys: dict[str, bytes] = {}
        """Those who have signed in at this process, by key: their limits are looked after."""

    def opened(self, session: Session) -> None:
        """Somebody has a new session; only those of the console matter here."""
        if session.dialect == CONSOLE:
            self._keys[session.key] = session.digest

    def ended(self, session: Session, _: Ended) -> None:
        """Somebody's session is over."""
        self._keys.pop(session.key, None)

    def now(self) -> datetime:
        """The server's time."""
        return self._clock.now()

    async def of(self, request: Request, *, touch: bool) -> Session | None:
        """Whose cookie a request carries; None for nobody. Two cookies that differ are none."""
        tokens = tokens_in(request.headers, cookie_named(request))
        if len(tokens) != 1:
            return None
        token = Secret(tokens.pop())
        session = await self._alive(token.digest())
        if session is None:
            return None
        request.vouched = True
        return await self._sessions.check(token) if touch else session

    async def tidy(self) -> None:
        """End the sessions that are past the console's limits. Once a second."""
        for key, digest in list(self._keys.items()):
            if await self._alive(digest) is None:
                self._keys.pop(key, None)

    async def _alive(self, digest: bytes) -> Session | None:
        session = await self._sessions.peek(digest)
        if session is None or session.dialect != CONSOLE:
            return None
        over = judge(session.login_at, session.active_at, self.limits, self._clock.now())
        if over is not None:
            await self._sessions.end(session.key, over)
            return None
        return session
