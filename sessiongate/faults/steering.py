"""HTTP for whoever steers a server in a test: `/dev/` on its operations listener.

No page in a browser may steer a developer's server. So whoever comes by an address has to name the
token that the server was started with, in a header that no page can send elsewhere unasked; and
what a browser sends for a page of another site is refused whatever it names. By a Unix socket,
which has an owner, nobody is asked.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from sessiongate.config import values
from sessiongate.errors import ConfigError, NotFound, Refused
from sessiongate.faults.rows import as_row
from sessiongate.faults.state import FaultState
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.objections import objection
from sessiongate.secret import Secret

T = TypeVar("T")

PREFIX = "/dev/"
TOKEN_HEADER = "x-sessiongate-dev"
_NO_TOKEN = (
    f"{TOKEN_HEADER} must hold the token: of the ready file, or SESSIONGATE_DEV_TOKEN in a"
    " command of `sessiongate dev`; a Unix socket needs none"
)
_JSON = (("content-type", "application/json"), ("cache-control", "no-store"))
_PEM = (("content-type", "application/x-pem-file"),)


class Steered(Protocol):
    """The server that is steered."""

    state: FaultState

    async def reset(self) -> None:
        """Make it as it was at first."""
        ...

    def events(self) -> list[bytes]:
        """What the audit has, oldest first."""
        ...

    def freeze(self) -> None:
        """Have its time stand still."""
        ...

    @property
    def authority(self) -> bytes | None:
        """The certificate that clients trust, in PEM; None without TLS."""
        ...


class Steering:
    """Answers `/dev/`, and leaves all else to another handler."""

    def __init__(self, server: Steered, token: Secret, otherwise: Handler) -> None:
        self._server = server
        self._state = server.state
        self._token = token
        self._otherwise = otherwise
        self._answers: Mapping[str, Callable[[Request], Awaitable[Reply]]] = {
            "GET faults": self._list,
            "POST faults": self._add,
            "DELETE faults": self._clear,
            "GET clock": self._time,
            "POST clock": self._travel,
            "POST reset": self._reset,
            "GET events": self._events,
            "GET ca.pem": self._authority,
        }

    async def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        if not request.path.startswith(PREFIX):
            return await self._otherwise(request)
        try:
            return await self._answer(request)
        except NotFound as error:
            return _error_reply(404, str(error))
        except ConfigError as error:
            return _json(400, {"error": "; ".join(error.problems), "problems": error.problems})
        except Refused as error:
            return _error_reply(403, str(error))

    async def _answer(self, request: Request) -> Reply:
        foreign = objection(request)
        if foreign is not None:
            raise foreign
        what, _, rest = request.path.removeprefix(PREFIX).partition("/")
        asked = f"{request.method} {what}"
        if asked != "GET ca.pem" and not self._is_let_in(request):
            return _error_reply(401, _NO_TOKEN)
        if what == "faults" and rest:
            return self._rule(request.method, unquote(rest))
        answer = self._answers.get(asked)
        if answer is not None and not rest:
            return await answer(request)
        there = [key.partition(" ") for key in self._answers]
        verbs = [verb for verb, _, name in there if name == what and not rest]
        if not verbs:
            return _error_reply(404, "there is nothing at this address")
        reply = _error_reply(405, f"only {', '.join(verbs)} here")
        reply.headers = (*reply.headers, ("allow", ", ".join(verbs)))
        return reply

    def _is_let_in(self, request: Request) -> bool:
        if request.peer.startswith("/"):
            return True
        given = request.header(TOKEN_HEADER) or ""
        return secrets.compare_digest(given.encode(), self._token.reveal().encode())

    def _rule(self, verb: str, rule_id: str) -> Reply:
        if verb == "GET":
            return _json(200, as_row(self._state.show(rule_id)))
        if verb != "DELETE":
            refused = _error_reply(405, "only GET, DELETE here")
            return Reply(405, (*_JSON, ("allow", "GET, DELETE")), refused.body)
        self._state.remove(rule_id)
        return _json(200, {"removed": 1})

    async def _list(self, request: Request) -> Reply:
        return _json(200, [as_row(one) for one in self._state.list()])

    async def _add(self, request: Request) -> Reply:
        return _json(201, as_row(self._state.add(_table_in(request))))

    async def _clear(self, request: Request) -> Reply:
        return _json(200, {"removed": self._state.clear()})

    async def _time(self, request: Request) -> Reply:
        return _json(200, {"now": self._state.now()})

    async def _travel(self, request: Request) -> Reply:
        asked = _table_in(request)
        match sorted(asked.items()):
            case [("advance", span)]:
                by = _read("advance", values.duration, span)
            case [("to", str(when))]:
                by = _read("to", _moment, when) - self._state.now()
            case [("freeze", True)]:
                self._server.freeze()
                by = timedelta(0)
            case _:
                raise ConfigError(['clock: must hold one of "advance", "to" and "freeze": true'])
        if by < timedelta(0):
            raise ConfigError(["clock: it goes forward only; a reset begins anew"])
        try:
            ended = await self._state.advance(by) if by else 0
        except ValueError as error:
            raise ConfigError([f"clock: {error}"]) from None
        return _json(200, {"now": self._state.now(), "ended": ended})

    async def _reset(self, request: Request) -> Reply:
        await self._server.reset()
        return _json(200, {"now": self._state.now()})

    async def _events(self, request: Request) -> Reply:
        since = _read("since", values.whole(0), (parse_qs(request.query).get("since") or ["0"])[0])
        found = self._server.events()
        rest = found[since:]
        return _json(200, {"events": list(map(msgspec.Raw, rest)), "next": len(found)})

    async def _authority(self, request: Request) -> Reply:
        pem = self._server.authority
        return (
            Reply(200, _PEM, pem) if pem is not None else _error_reply(404, "the server has no CA")
        )


def _table_in(request: Request) -> dict[str, object]:
    try:
        return msgspec.json.decode(request.body, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError([f"the body is no JSON object: {error}"]) from None


def _read(name: str, read: Callable[[Any], T], value: object) -> T:
    try:
        return read(value)
    except (ValueError, TypeError) as error:
        raise ConfigError([f"{name}: {error}"]) from None


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("needs a zone, such as 2026-01-02T03:04:05Z")
    return when


def _error_reply(status: int, text: str) -> Reply:
    return _json(status, {"error": text})


def _json(status: int, value: object) -> Reply:
    return Reply(status, _JSON, msgspec.json.encode(value))
