"""The control socket: how the command line asks a running server.

HTTP over a Unix socket in the data directory, open to the server's own account alone: whoever can
connect could read the session store too, so no further login is asked. Keys and names only.
"""

import heapq
import os
import pwd
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote

import msgspec

from sessiongate.clock import Clock
from sessiongate.errors import (
    InvalidArgument,
    NotFound,
    SessionGateError,
    Unavailable,
    UnknownAddress,
    UpstreamUnavailable,
    WrongVerb,
)
from sessiongate.http.message import Reply, Request
from sessiongate.operations.port import Leaks, Pools, TokenActions
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.life import due_at
from sessiongate.service.sessions import BY_COMMAND, Sessions
from sessiongate.session import Ended, Limits, Session

# So many characters of a key tell it from nearly all others; fewer are a slip of the hand.
SHORTEST_PREFIX = 8

MOST_LATEST = 200
"""Sessions that are told of where only the latest are asked for: more than a screen has lines."""

LONGEST_SPAN = 366 * 86_400
"""Seconds that a report may look back."""

# Of a number of seconds; what has more of them is beyond the bound anyway.
_DIGITS = 12

_JSON = (("content-type", "application/json"),)


Locked = Mapping[str, Mapping[str, datetime]]
"""Provider and name of whoever is locked for some address, and until when."""


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
    seconds_left: int | None = None
    """Until its time is up if it is not used. None where the limits are not known."""
    upstream: str = ""
    """The one that it is for; "" for none."""


def row(session: Session, now: datetime, limits: Limits | None = None) -> SessionRow:
    """A session as people see it at this moment."""
    left: int | None = None
    if limits is not None:
        due = due_at(session.login_at, session.active_at, limits)
        left = max(0, int((due - now).total_seconds()))
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
        seconds_left=left,
        upstream=session.upstream,
    )


class Control:
    """Answers the command line's questions."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        refresh: Callable[[], Awaitable[None]],
        unlock: Callable[[str, str], Awaitable[bool]],
        locked: Callable[[], Awaitable[Locked]] | None = None,
        limits: Limits | None = None,
        about: Callable[[], object] | None = None,
        pools: Pools | None = None,
        tokens: TokenActions | None = None,
        leaks: Leaks | None = None,
        counts: Callable[[], object] | None = None,
    ) -> None:
        """`unlock` takes a name and by whom; `about` says what the server is, without secrets.

        `counts` are what this process has counted, for another one of the same server.
        """
        self._sessions = sessions
        self._clock = clock
        self._refresh = refresh
        self._unlock = unlock
        self._locked = locked
        self._limits = limits
        self._about = about
        self._pools = pools
        self._tokens = tokens
        self._leaks = leaks
        self._counts = counts

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
        by = account_of(request.user)
        match (request.method, parts):
            case ("GET", ["sessions"]):
                return await self._list(_query_value(request, "user"))
            case ("DELETE", ["sessions"]):
                return {"ended": await self._end_all(_query_value(request, "user"), by)}
            case ("GET", ["count"]):
                return {"count": len(await self._of(_query_value(request, "user")))}
            case ("GET", ["latest"]):
                return await self._latest(_query_value(request, "user"))
            case ("GET", ["sessions", key]):
                return await self._show(key)
            case ("DELETE", ["sessions", key]):
                return await self._end(key, by)
            case ("GET", ["users"]):
                return await self._users()
            case ("POST", ["users", "refresh"]):
                await self._refresh()
                return {}
            case ("POST", ["users", "unlock"]):
                return {"unlocked": await self._unlock(_query_value(request, "user") or "", by)}
            case ("GET", ["server"]) if self._about is not None:
                return self._about()
            case ("GET", ["leaks"]) if self._leaks is not None:
                return await self._leaks.report(_span(request))
            case ("GET", ["counts"]) if self._counts is not None:
                return self._counts()
            case (_, ["pools" | "upstreams", *_]) if self._pools is not None:
                return await _of_pools(self._pools, request, parts, by)
            case (_, ["tokens", *_]) if self._tokens is not None:
                return await _of_tokens(self._tokens, request, parts, by)
            case ("POST" | "GET" | "DELETE", _):
                raise UnknownAddress("no such address")
        raise WrongVerb("GET", "POST", "DELETE")

    async def _of(self, user: str | None) -> list[Session]:
        """The live sessions of this user, or of everyone."""
        wanted = parse_account(user).canonical if user is not None else None
        return [
            session
            async for session in self._sessions.list()
            if wanted is None or session.principal == wanted
        ]

    async def _list(self, user: str | None) -> list[SessionRow]:
        now = self._clock.now()
        return [row(session, now, self._limits) for session in await self._of(user)]

    async def _latest(self, user: str | None) -> dict[str, object]:
        """How many there are, and those used last."""
        found = await self._of(user)
        last = heapq.nlargest(MOST_LATEST, found, key=lambda one: (one.active_at, one.key))
        now = self._clock.now()
        return {"total": len(found), "sessions": [row(one, now, self._limits) for one in last]}

    async def _show(self, key: str) -> SessionRow:
        session = await self._sessions.find(await self._whole(key))
        if session is None:
            raise NotFound("no live session has this key")
        return row(session, self._clock.now(), self._limits)

    async def _end(self, key: str, by: str) -> dict[str, int]:
        whole = await self._whole(key)
        if not await self._sessions.end(whole, Ended.TERMINATED, by, BY_COMMAND):
            raise NotFound("no live session has this key")
        return {"ended": 1}

    async def _whole(self, text: str) -> str:
        """The one key that begins so. What is a key itself is that key, and nothing is looked for.

        Raises NotFound for too few characters and for a beginning of no key, InvalidArgument for
        the beginning of several.
        """
        if await self._sessions.find(text) is not None:
            return text
        if len(text) < SHORTEST_PREFIX:
            raise NotFound(
                "no live session has this key; give it whole, or at least its first"
                f" {SHORTEST_PREFIX} characters"
            )
        start = text.lower()
        found = [one.key async for one in self._sessions.list() if one.key.startswith(start)]
        if len(found) > 1:
            raise InvalidArgument(
                "key", f"{len(found)} live sessions have keys that begin so; give more of it"
            )
        return found[0] if found else text

    async def _users(self) -> dict[str, object]:
        """How many sessions each user has, and who is locked."""
        counts = Counter(
            [(one.provider, one.principal) async for one in self._sessions.list()],
        )
        return {
            "sessions": [
                {"provider": provider, "user": user, "sessions": count}
                for (provider, user), count in counts.items()
            ],
            "locked": await self._locked() if self._locked is not None else {},
        }

    async def _end_all(self, user: str | None, by: str) -> int:
        if user is not None:
            wanted = parse_account(user).canonical
            return await self._sessions.end_all_of(wanted, Ended.TERMINATED, by, BY_COMMAND)
        return await self._sessions.end_all(Ended.TERMINATED, by, BY_COMMAND)


async def _of_pools(pools: Pools, request: Request, parts: list[str], by: str) -> object:
    match (request.method, parts):
        case ("GET", ["pools"]):
            return pools.list()
        case ("GET", ["pools", name]):
            return pools.show(name)
        case ("POST", ["pools", name, "pause"]):
            return await pools.pause(name, by)
        case ("POST", ["pools", name, "resume"]):
            return await pools.resume(name, by)
        case ("POST", ["pools", name, "drain"]):
            return await pools.drain(name, by, force=_query_value(request, "force") == "yes")
        case ("POST", ["pools", name, "rotate"]):
            return await pools.rotate(name, by)
        case ("GET", ["upstreams", name, "sessions"]):
            return await pools.sessions(name)
    raise UnknownAddress("no such address")


async def _of_tokens(tokens: TokenActions, request: Request, parts: list[str], by: str) -> object:
    match (request.method, parts):
        case ("GET", ["tokens"]):
            return await tokens.list()
        case ("POST", ["tokens", name]):
            upstreams = parse_qs(request.query, keep_blank_values=True).get("upstream", [])
            return await tokens.create(name, upstreams, _query_value(request, "role"), by)
        case ("DELETE", ["tokens", name]):
            return await tokens.revoke(name, _query_value(request, "id") or "", by)
    raise UnknownAddress("no such address")


def account_of(user: int | None) -> str:
    """The account of the operating system at the other end of the socket, as the audit names it."""
    if user is None:  # a system that does not say
        return "command line"
    try:
        return f"os:{pwd.getpwuid(user).pw_name}"
    except KeyError:  # an account without a name, as in a container
        return f"os:{user}"


def _status(error: SessionGateError) -> int:
    if isinstance(error, UpstreamUnavailable):
        return 502
    if isinstance(error, Unavailable):
        return 503
    return 404 if isinstance(error, NotFound | UnknownAddress) else 400


def _span(request: Request) -> timedelta:
    """How far back to look. Raises InvalidArgument."""
    text = _query_value(request, "seconds") or ""
    if not text.isdecimal() or not 0 < (seconds := int(text[:_DIGITS])) <= LONGEST_SPAN:
        raise InvalidArgument("seconds", f"must be a number of seconds up to {LONGEST_SPAN}")
    return timedelta(seconds=seconds)


def _query_value(request: Request, name: str) -> str | None:
    """A member of the query; None where it is missing, which is not the same as empty."""
    return parse_qs(request.query, keep_blank_values=True).get(name, [None])[0]
