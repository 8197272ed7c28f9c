"""Around the handler of clients' requests: which fault a request meets, carried out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import msgspec

from sessiongate.errors import UnknownAddress
from sessiongate.faults.answers import skewed_date
from sessiongate.faults.book import Hit, RuleBook
from sessiongate.faults.endings import end_sessions
from sessiongate.faults.facts import REFRESH, FactReader
from sessiongate.faults.inside import meeting
from sessiongate.faults.rule import RequestFacts
from sessiongate.faults.slow import Sleep, dribbled
from sessiongate.faults.state import FaultState
from sessiongate.http.message import CutOff, Handler, Reply, Request, nowait_of
from sessiongate.http.router import Routes
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire import openid
from sessiongate.wire.vim.json import version_in

HEADER = "x-sessiongate-fault"
"""The header by which a reply names the rule that has touched it."""

_PATIENCE = 1.0
"""Seconds until a request that is ended has let go of what it holds."""

_JSON = (("content-type", "application/json"), ("cache-control", "no-store"))
_PLAIN = ("content-type", "text/plain; charset=utf-8")


class MatchedRequest(msgspec.Struct, frozen=True):
    """A request, and what it meets."""

    hit: Hit
    asked: RequestFacts
    session: Session | None
    request: Request


class _Asking:
    """A handler that asks at each request whether there are rules, and is the plain one else."""

    __slots__ = ("_handler", "_judged", "_nowait", "_state")

    def __init__(
        self,
        state: FaultState,
        handler: Handler,
        judged: Callable[[RuleBook, Request], Awaitable[Reply]],
    ) -> None:
        self._state, self._handler, self._judged = state, handler, judged
        self._nowait = nowait_of(handler)

    def __call__(self, request: Request) -> Awaitable[Reply]:
        rules = self._state.rules
        return self._handler(request) if rules is None else self._judged(rules, request)

    def answer_nowait(self, request: Request) -> Reply | None:
        """As `message.NoWait`, as long as there are no rules."""
        if self._nowait is None or self._state.rules is not None:
            return None
        return self._nowait(request)


class FaultyHandler:
    """A handler of requests some of which meet faults."""

    def __init__(
        self,
        state: FaultState,
        handler: Handler,
        routes: Routes,
        reader: FactReader,
        sessions: Sessions,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._state = state
        self._handler = handler
        self._routes = routes
        self._reader = reader
        self._sessions = sessions
        self._sleep = sleep
        self._under_way: set[asyncio.Task[Any]] = set()
        """Those whose requests meet a fault at this moment."""

    def handler(self) -> Handler:
        """What answers requests: by one question more, where there are no rules."""
        return _Asking(self._state, self._handler, self._judged)

    async def _judged(self, rules: RuleBook, request: Request) -> Reply:
        dialect = self._routes.route_of(request.path).dialect
        asked, session = await self._reader.read(request, dialect)
        hit = rules.decide(asked, self._state.now())
        if hit is None:
            return await self._handler(request)
        met = MatchedRequest(hit, asked, session, request)
        with self._breakable():
            await self._state.note(hit, asked)
            reply = await _CARRIED_OUT.get(hit.fault, FaultyHandler._inside)(self, met)
        if self._state.header:
            reply.headers = (*reply.headers, (HEADER, hit.id))
        return reply

    @contextmanager
    def _breakable(self) -> Iterator[None]:
        """What is done in here is ended by `break_off`."""
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        try:
            yield
        finally:
            if task is not None:
                self._under_way.discard(task)

    async def break_off(self) -> None:
        """End the requests that meet faults at this moment. Nothing more is done for them, and
        their connections close.
        """
        tasks = tuple(self._under_way)
        for one in tasks:
            one.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)

    async def _inside(self, met: MatchedRequest) -> Reply:
        """What guard, store or roles say decides."""
        with meeting(met.hit):
            return await self._handler(met.request)

    async def _end_sessions(self, met: MatchedRequest) -> Reply:
        await end_sessions(self._sessions, self._state.store, met.hit, met.session)
        return await self._handler(met.request)

    async def _cap(self, met: MatchedRequest) -> Reply:
        """In SOAP and VI/JSON a vCenter's own front refuses, elsewhere our body is the vendor's."""
        if met.hit.args["body"] == "vendor" and met.asked.dialect in ("soap", "vi-json"):
            return Reply(503, (_PLAIN,), b"503 Service Unavailable")
        return await self._inside(met)

    async def _slow(self, met: MatchedRequest) -> Reply:
        args = met.hit.args
        span, jitter = _number(args["seconds"]), _number(args["jitter"])
        await self._sleep(max(0.0, span + jitter * (2 * met.hit.draw - 1)))
        return dribbled(await self._handler(met.request), args["dribble"])

    async def _hang(self, met: MatchedRequest) -> Reply:
        with self._state.until_removed(met.hit.id) as over:
            met.request.when_gone(over.set)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _number(met.hit.args["seconds"]))
        return Reply(503, cut=CutOff())

    async def _status(self, met: MatchedRequest) -> Reply:
        args = met.hit.args
        if args["after"]:
            _close_download(await self._handler(met.request))
        headers = [_PLAIN]
        if args["retry_after"] is not None:
            headers.append(("retry-after", str(args["retry_after"])))
        return Reply(int(_number(args["status"])), tuple(headers), str(args["body"]).encode())

    async def _cut(self, met: MatchedRequest) -> Reply:
        """The work is done, and its reply breaks off: before its head, where it has no body."""
        reply = await self._handler(met.request)
        args, fault = met.hit.args, met.hit.fault
        some = args.get("after_bytes")
        part = some if isinstance(some, int) else len(reply.body) // 2
        in_body = fault == "conn.truncate" or args.get("at") == "body"
        has_head = fault == "conn.garbage" or (in_body and reply.body)
        reply.cut = CutOff(
            body_bytes=part if has_head else None,
            reset=fault == "conn.reset",
            garbage=fault == "conn.garbage",
        )
        _close_download(reply)
        return reply

    async def _version(self, met: MatchedRequest) -> Reply:
        """A server of that release knows no newer one in an address of VI/JSON."""
        request = met.request
        wanted = version_in(request.path) if met.asked.dialect == "vi-json" else ()
        if wanted > tuple(map(int, str(met.hit.args["version"]).split("."))):
            newer = UnknownAddress("a newer release than this server is said to be")
            return self._routes.route_of(request.path).refuse(request, newer)
        return await self._inside(met)

    async def _token(self, met: MatchedRequest) -> Reply:
        if met.asked.operation == REFRESH and not met.hit.args["refresh"]:
            refused = openid.EXPIRED_REFRESH_TOKEN
            return Reply(refused.status, _JSON, openid.write_refusal(refused))
        return await self._inside(met)

    async def _skewed(self, met: MatchedRequest) -> Reply:
        reply = await self._inside(met)
        reply.date = skewed_date(met.hit)
        return reply

    async def _advance(self, met: MatchedRequest) -> Reply:
        by = met.hit.args["by"]
        with suppress(ValueError):  # it is as late as it can be
            await self._state.advance(by if isinstance(by, timedelta) else timedelta(0))
        return await self._handler(met.request)


_CARRIED_OUT: Mapping[str, Callable[[FaultyHandler, MatchedRequest], Awaitable[Reply]]] = {
    "session.expire": FaultyHandler._end_sessions,
    "session.terminate": FaultyHandler._end_sessions,
    "session.forget": FaultyHandler._end_sessions,
    "cap.reached": FaultyHandler._cap,
    "login.slow": FaultyHandler._slow,
    "reply.slow": FaultyHandler._slow,
    "login.hang": FaultyHandler._hang,
    "http.status": FaultyHandler._status,
    "conn.reset": FaultyHandler._cut,
    "conn.close": FaultyHandler._cut,
    "conn.truncate": FaultyHandler._cut,
    "conn.garbage": FaultyHandler._cut,
    "clock.advance": FaultyHandler._advance,
    "clock.skew": FaultyHandler._skewed,
    "version.is": FaultyHandler._version,
    "token.short": FaultyHandler._token,
}


def _close_download(reply: Reply) -> None:
    """Close what a reply would have had its body from, which nobody is sent."""
    if reply.download is not None:
        reply.download.close()
        reply.download = None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
