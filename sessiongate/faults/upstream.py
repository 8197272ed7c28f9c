"""Faults of the upstream: what a gateway is answered there while it works for one request.

They stand before what sends to the upstream, so that the gateway goes its own way with them: it
gives a session up, opens another one, repeats a call or does not. What a request of a client does
not ask for meets none of them, such as keep-alives.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

from sessiongate.errors import CapReached, NoSession, OutcomeUnknown, UpstreamUnavailable
from sessiongate.faults.book import Hit
from sessiongate.faults.inside import FaultUnderWay, fault_under_way
from sessiongate.faults.slow import Sleep
from sessiongate.http.message import Request
from sessiongate.http.router import Routes
from sessiongate.rules.profile import PROFILES
from sessiongate.secret import Secret
from sessiongate.upstream.connection import IncomingReply
from sessiongate.upstream.deadlines import LATE
from sessiongate.upstream.exchange import AWAY, Asking, Exchange, LargeAnswer, OutgoingBody
from sessiongate.upstream.http import HttpUpstream
from sessiongate.wire import openid, zerto, zerto_client
from sessiongate.wire.automation import rest
from sessiongate.wire.carriers import carriers_in
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import WireForm

_FAMILY = "upstream."
_BUSY = Answer(503, (("content-type", "text/plain; charset=utf-8"),), b"503 Service Unavailable")
_WEB_SERVER = Answer(
    200,
    (("content-type", "text/html; charset=utf-8"),),
    b"<!doctype html><html><head><title>Welcome</title></head><body>It works.</body></html>",
)
_SESSIONS = (rest.API_SESSION, rest.REST_SESSION)
_ZVM_FORMS = (WireForm.ZERTO, WireForm.BEARER)


class UpstreamFaults:
    """What stands before the connections to all upstreams of one server."""

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self.routes: Routes
        """How each dialect says no. Set before the server listens."""

    def exchange(self, exchange: Exchange) -> Exchange:
        """The same exchange, with faults before it."""
        return cast("Exchange", _FaultyExchange(self, exchange))

    def logins(self, http: HttpUpstream) -> HttpUpstream:
        """The same for logins of callers at a vCenter."""
        return cast("HttpUpstream", _FaultyLogins(self, http))

    def answer(self, under_way: FaultUnderWay, hit: Hit, ask: Ask) -> Answer | None:
        """What is answered in the upstream's place; None where it is asked itself.

        Raises UpstreamUnavailable where it is away.
        """
        if hit.fault == "upstream.down":
            raise _unavailable(hit)
        if hit.fault == "upstream.wrong-type":
            return _WEB_SERVER
        if hit.fault == "upstream.cap" and _opens_session(ask):
            if ask.path.startswith("/sdk"):
                return _BUSY
            limit = PROFILES["vc8"][1].per_principal or 1
            return self._refused(ask, CapReached("principal", limit, "of the upstream"))
        if hit.fault == "upstream.rotten" and _is_rotten(under_way, hit, ask):
            return self._refused(ask, NoSession(f"taken away by rule {hit.id}"))
        return None

    async def late(self, hit: Hit, within: timedelta | None) -> None:
        """Wait for as long as the answer takes. Raises OutcomeUnknown where that is too long."""
        seconds = hit.args["seconds"] if hit.fault == "upstream.slow" else 0.0
        span = seconds if isinstance(seconds, float) else 0.0
        limit = None if within is None else within.total_seconds()
        if limit is not None and span >= limit:
            await self._sleep(limit)
            raise OutcomeUnknown(LATE)
        if span:
            await self._sleep(span)

    def _refused(self, ask: Ask, error: CapReached | NoSession) -> Answer:
        path, _, query = ask.path.partition("?")
        request = Request(ask.method, path, query, list(ask.headers), ask.body, "", secure=True)
        reply = self.routes.route_of(path).refuse(request, error)
        headers = tuple((name.lower(), value) for name, value in reply.headers)
        return Answer(reply.status, headers, reply.body)


class _FaultyExchange:
    """An exchange some of whose answers are not the upstream's."""

    def __init__(self, faults: UpstreamFaults, inner: Exchange) -> None:
        self._faults = faults
        self._inner = inner

    def exchange(
        self,
        ask: Ask,
        *,
        within: timedelta | None,
        largest: int,
        enough: int | None = None,
        user: Asking | None = None,
    ) -> Awaitable[Answer]:
        """As the exchange does."""
        sent = partial(self._inner.exchange, user=user)
        under_way = fault_under_way(_FAMILY)
        if under_way is None:
            return sent(ask, within=within, largest=largest, enough=enough)
        return self._send(
            under_way, ask, within, lambda: sent(ask, within=within, largest=largest, enough=enough)
        )

    async def open(self, ask: Ask, *, within: timedelta | None) -> IncomingReply:
        """As the exchange does. A file comes late, or not at all, and is not another one."""
        return await self._file(within, lambda: self._inner.open(ask, within=within))

    async def send(
        self, ask: Ask, body: OutgoingBody, *, within: timedelta | None, gap: timedelta
    ) -> IncomingReply:
        """As `open`."""
        return await self._file(within, lambda: self._inner.send(ask, body, within=within, gap=gap))

    async def _send(
        self,
        under_way: FaultUnderWay,
        ask: Ask,
        within: timedelta | None,
        sent: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        hit = under_way.hit
        if hit is None:
            return await sent()
        answer = self._faults.answer(under_way, hit, ask) or await sent()
        try:
            await self._faults.late(hit, within)
        except BaseException:  # the client has gone, too: nobody else has what is still to be read
            if isinstance(answer, LargeAnswer):
                answer.left.close()
            raise
        return answer

    async def _file(
        self, within: timedelta | None, sent: Callable[[], Awaitable[IncomingReply]]
    ) -> IncomingReply:
        under_way = fault_under_way(_FAMILY)
        hit = under_way.hit if under_way is not None else None
        if hit is None:
            return await sent()
        if hit.fault == "upstream.down":
            raise _unavailable(hit)
        reply = await sent()
        try:
            await self._faults.late(hit, within)
        except BaseException:  # the client has gone, too: nobody else has the reply
            reply.close()
            raise
        return reply

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the exchange has
        return getattr(self._inner, name)


class _FaultyLogins:
    """Calls of a vCenter by which callers log in, some of whose answers are not its own."""

    def __init__(self, faults: UpstreamFaults, inner: HttpUpstream) -> None:
        self._faults = faults
        self._inner = inner

    async def post(self, ask: Ask) -> Answer:
        """As the upstream answers. How long that may take, says whoever asks."""
        under_way = fault_under_way(_FAMILY)
        hit = under_way.hit if under_way is not None else None
        if under_way is None or hit is None:
            return await self._inner.post(ask)
        answer = self._faults.answer(under_way, hit, ask) or await self._inner.post(ask)
        await self._faults.late(hit, None)
        return answer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it has
        return getattr(self._inner, name)


def _unavailable(hit: Hit) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"taken away by rule {hit.id}", says=AWAY)


def _opens_session(ask: Ask) -> bool:
    """Whether it is refused by a server that has no room for one more session.

    At `/sdk` that is all that comes without a session, as with `cap.reached` of our own.
    """
    path, _, query = ask.path.partition("?")
    if path.startswith("/sdk"):
        return not _token(ask)
    if ask.method != "POST":
        return False
    if path == openid.TOKEN:
        return b"grant_type=refresh_token" not in ask.body
    named = any(name == "authorization" for name, _ in ask.headers)
    in_rest = path in _SESSIONS and not rest.is_get_action(query)
    return named and (in_rest or zerto.address(path) == zerto.START)


def _is_rotten(under_way: FaultUnderWay, hit: Hit, ask: Ask) -> bool:
    """Whether it goes by the session that has ended: the one by which its request went first.

    That one can still be logged out; with `half` it can also be asked about itself.
    """
    token = _token(ask)
    if not token or _ends_session(ask):
        return False
    if hit.args["half"] and _asks_about_session(ask, token):
        return False
    under_way.rotten = under_way.rotten or token
    return token == under_way.rotten


def _token(ask: Ask) -> str:
    return next((text.strip('"') for _, text in carriers_in(ask.headers) if text), "")


def _ends_session(ask: Ask) -> bool:
    if ask.method == "DELETE":
        return ask.path in _SESSIONS or zerto.address(ask.path) == zerto.END
    in_soap = ask.path == "/sdk" and b"<Logout " in ask.body
    return in_soap or (ask.path.startswith("/sdk/vim25/") and ask.path.endswith("/Logout"))


def _asks_about_session(ask: Ask, token: str) -> bool:
    path, _, query = ask.path.partition("?")
    if path in _SESSIONS:
        return ask.method == "GET" or rest.is_get_action(query)
    if path == "/sdk":
        return b"currentSession" in ask.body
    # A ZVM is asked for something that clients ask for, too: it is the gateway's own to the letter.
    return any(ask == zerto_client.write_probe(form, Secret(token)) for form in _ZVM_FORMS)
