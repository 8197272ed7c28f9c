"""The control socket: how the command line asks a running server.

HTTP over a Unix socket in the data directory, open to the server's own account alone: whoever can
connect could read the session store too, so no further login is asked. Keys and names only.
"""

import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote

import msgspec

from sessiongate.errors import NotFound, SessionGateError, Unavailable, UnknownAddress, WrongVerb
from sessiongate.rules.accounts import parse_account
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.web.http import Reply, Request

# A Unix socket's name holds 107 bytes on Linux, 103 on macOS.
_LONGEST_SOCKET = 100

_JSON = (("content-type", "application/json"),)


def socket_path(data_dir: Path) -> Path:
    """Where the control socket of this data directory is.

    In the directory itself, or, where that would make the name too long for a socket, in the
    system's directory of temporary files under a name that follows from the data directory's.
    """
    path = data_dir.resolve() / "control.sock"
    if len(str(path).encode()) <= _LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sessiongate-{digest}.sock"


class SessionRow(msgspec.Struct):
    """A session as people see it."""

    key: str
    user: str
    full_name: str
    roles: list[str]
    provider: str
    dialect: str
    ip_address: str
    user_agent: str
    locale: str
    login_at: datetime
    active_at: datetime
    idle_seconds: int
    calls: int


def row(session: Session, now: datetime) -> SessionRow:
    """A session as people see it at this moment."""
    return SessionRow(
        key=session.key,
        user=session.principal,
        full_name=session.full_name,
        roles=list(session.roles),
        provider=session.provider,
        dialect=session.dialect,
        ip_address=session.ip_address,
        user_agent=session.user_agent,
        locale=session.locale,
        login_at=session.login_at.astimezone(UTC),
        active_at=session.active_at.astimezone(UTC),
        idle_seconds=max(0, int((now - session.active_at).total_seconds())),
        calls=session.call_count,
    )


class Control:
    """Answers the command line's questions."""

    def __init__(
        self,
        sessions: Sessions,
        refresh: Callable[[], Awaitable[None]],
        unlock: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._sessions = sessions
        self._refresh = refresh
        self._unlock = unlock

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; a refusal is `{"error": sentence}`."""
        if request.user not in (None, os.geteuid(), 0):
            # The file's mode says so already; it could have been changed, or the socket handed on.
            return Reply(403, _JSON, b'{"error":"this socket is the server\'s own account\'s"}')
        try:
            return Reply(200, _JSON, msgspec.json.encode(await self._answer(request)))
        except SessionGateError as error:
            return Reply(_status(error), _JSON, msgspec.json.encode({"error": str(error)}))

    async def _answer(self, request: Request) -> object:
        # Nothing is cut off the end: an empty key is no key, and not the list of all.
        parts = [unquote(part) for part in request.path.removeprefix("/").split("/")]
        match (request.method, parts):
            case ("GET", ["sessions"]):
                return await self._list(_one(request, "user"))
            case ("DELETE", ["sessions"]):
                return {"ended": await self._end_all(_one(request, "user"))}
            case ("GET", ["sessions", key]):
                return await self._show(key)
            case ("DELETE", ["sessions", key]):
                return await self._end(key)
            case ("POST", ["users", "refresh"]):
                await self._refresh()
                return {}
            case ("POST", ["users", "unlock"]):
                return {"unlocked": await self._unlock(_one(request, "user") or "")}
            case ("POST" | "GET" | "DELETE", _):
                raise UnknownAddress("no such address")
        raise WrongVerb("GET", "POST", "DELETE")

    async def _list(self, user: str | None) -> list[SessionRow]:
        now = self._sessions.clock.now()
        wanted = parse_account(user).canonical if user is not None else None
        return [
            row(session, now)
            async for session in self._sessions.list()
            if wanted is None or session.principal == wanted
        ]

    async def _show(self, key: str) -> SessionRow:
        session = await self._sessions.find(key)
        if session is None:
            raise NotFound("no live session has this key")
        return row(session, self._sessions.clock.now())

    async def _end(self, key: str) -> dict[str, int]:
        if not await self._sessions.end(key, Ended.TERMINATED, by="command line"):
            raise NotFound("no live session has this key")
        return {"ended": 1}

    async def _end_all(self, user: str | None) -> int:
        if user is not None:
            wanted = parse_account(user).canonical
            return await self._sessions.end_all_of(wanted, Ended.TERMINATED, "command line")
        keys = [session.key async for session in self._sessions.list()]
        return sum(
            [await self._sessions.end(key, Ended.TERMINATED, "command line") for key in keys]
        )


def _status(error: SessionGateError) -> int:
    if isinstance(error, Unavailable):
        return 503
    return 404 if isinstance(error, NotFound | UnknownAddress) else 400


def _one(request: Request, name: str) -> str | None:
    """A member of the query; None where it is missing, which is not the same as empty."""
    return parse_qs(request.query, keep_blank_values=True).get(name, [None])[0]
