"""What a server in a test has seen: requests, decisions, and the last lines of its log."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import overload

import msgspec
import structlog

from sessiongate.audit.event import Event
from sessiongate.errors import NoSession
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.router import Routes
from sessiongate.operations.control import SessionRow
from sessiongate.session import Session
from sessiongate.wire.carriers import ALL_CARRIERS, carried

_MOST_REQUESTS = 10_000
_MOST_LINES = 50


class LeakedSessions(AssertionError):
    """Sessions are open that somebody should have ended."""


class Seen(msgspec.Struct, frozen=True):
    """One request, without what it carried."""

    at: datetime
    dialect: str
    verb: str
    path: str
    status: int
    user: str
    """Whose session it carried, or "" """
    agent: str
    address: str


class Decisions(Sequence[Event]):
    """Decisions, in order."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)

    @property
    def count(self) -> int:  # type: ignore[override]  # how often it was decided, as tests ask
        """How many decisions there were, with those that were merged into one event."""
        return sum(1 + one.merged for one in self._events)

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._events[index]

    def __repr__(self) -> str:
        return f"Decisions({list(self._events)!r})"


def events_in(payloads: Sequence[bytes], name: str | None = None) -> Decisions:
    """The audit's own events, of this name or all."""
    found = [msgspec.json.decode(one, type=Event) for one in payloads]
    return Decisions([one for one in found if name in (None, one.event)])


class Requests:
    """Keeps what came of each request. The oldest give way."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.seen: deque[Seen] = deque(maxlen=_MOST_REQUESTS)
        self._now = now
        self._users: dict[bytes, str] = {}

    def opened(self, session: Session) -> None:
        """Somebody has a session from now on, by which their requests are known."""
        self._users[session.digest] = session.principal

    def forget(self) -> None:
        """Begin anew."""
        self.seen.clear()
        self._users.clear()

    def around(self, handler: Handler, routes: Routes) -> Handler:
        """The same handler, watched."""

        async def watched(request: Request) -> Reply:
            dialect = routes.route_of(request.path).dialect
            reply = await handler(request)
            self.seen.append(
                Seen(
                    self._now(),
                    dialect,
                    request.method,
                    request.path,
                    reply.status,
                    self._user_of(request),
                    request.header("user-agent") or "",
                    request.peer,
                )
            )
            return reply

        return watched

    def _user_of(self, request: Request) -> str:
        try:
            token = carried(request.headers, ALL_CARRIERS).token
        except NoSession:
            return ""
        return self._users.get(token.digest(), "") if token is not None else ""


class Lines:
    """The last lines of one server's log, kept out of everybody else's."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=_MOST_LINES)

    def take(self, method: str, line: structlog.typing.EventDict) -> None:
        """One line, as the server's code gives it."""
        facts = " ".join(f"{key}={value}" for key, value in line.items() if key != "event")
        self.last.append(f"{method:<8} {line.get('event', '')} {facts}".rstrip())


_LINES: ContextVar[Lines | None] = ContextVar("sessiongate_lines", default=None)


@contextmanager
def capturing(lines: Lines) -> Iterator[None]:
    """What this context and its tasks log goes to `lines`."""
    token = _LINES.set(lines)
    try:
        yield
    finally:
        _LINES.reset(token)


def _capture(
    _logger: object, method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    lines = _LINES.get()
    if lines is None:
        return line  # of somebody else in this process
    lines.take(method, line)
    raise structlog.DropEvent


@contextmanager
def log_lines_diverted() -> Iterator[None]:
    """While entered, lines of servers in tests go to their `Lines`, and all others as before."""
    before = structlog.get_config()["processors"]
    ours = before if _capture in before else [_capture, *before]
    structlog.configure(processors=ours)
    try:
        yield
    finally:
        if structlog.get_config()["processors"] is ours:  # else they are somebody's by now
            structlog.configure(processors=before)


def describe_session(session: SessionRow) -> str:
    """An open session, as one says it to whoever has left it open: whose, by which client."""
    agent = session.user_agent or "(no User-Agent)"
    return (
        f"  {session.user} by {agent} from {session.ip_address} ({session.dialect}), opened"
        f" {session.login_at:%H:%M:%S}, {session.calls} calls, idle for {session.idle_seconds} s"
    )
