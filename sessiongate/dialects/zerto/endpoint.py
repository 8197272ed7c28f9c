"""Endpoint of Zerto's session API."""

from functools import lru_cache

from sessiongate import errors
from sessiongate.clock import Clock
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import (
    MUST_WAIT,
    NO_STORE,
    caller,
    caller_nowait,
    client_of,
    known,
)
from sessiongate.http.message import FixedHeaders, Reply, Request
from sessiongate.http.own_names import OwnNames
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.rules.token import GUID
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire import zerto, zerto_resources
from sessiongate.wire.basic import read_basic
from sessiongate.wire.carriers import BEARER, ZERTO_HEADER
from sessiongate.wire.zerto_resources import Site

DIALECT = "zerto"
_CARRIERS = frozenset({ZERTO_HEADER, BEARER})


class ZertoEndpoint:
    """Answers everything below `/v1/`."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        bearers: Bearers,
        clock: Clock,
        site: Site,
        own: OwnNames,
        *,
        windows: str,
        hypervisor: str,
    ) -> None:
        self._sessions = sessions
        self._logins = logins
        self._clock = clock
        self._bearers = bearers
        self._site = site
        self._own = own
        self._providers = {zerto.WINDOWS: windows, zerto.HYPERVISOR: hypervisor}

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in Zerto's form."""
        try:
            return await self._answer(request)
        except errors.SessionGateError as error:
            return refusal(request, error)

    async def _answer(self, request: Request) -> Reply:
        address = zerto.address(request.path)
        if address == zerto.START:
            _only(request, "POST")
            return await self._start(request)
        if address == zerto.END:
            _only(request, "DELETE")
            return await self._end(request)
        await self._caller(request)
        return self._resource(request)

    def answer_nowait(self, request: Request) -> Reply | None:
        """As `message.NoWait`: everything but logins and logouts."""
        if zerto.address(request.path) is not None:
            return None
        try:
            session = caller_nowait(request, self._sessions, _CARRIERS)
            if session is MUST_WAIT:
                return None
            known(session)
            return self._resource(request)
        except errors.SessionGateError as error:
            return refusal(request, error)

    def _resource(self, request: Request) -> Reply:
        answer = self._read(request)
        return Reply(answer.status, _headers(answer), answer.body)

    def _read(self, request: Request) -> zerto.ZertoReply:
        named = zerto_resources.address(request.path)
        if named is None:
            raise errors.UnknownAddress("no such resource")
        _only(request, "GET")
        accept = request.header("accept")
        if named == zerto_resources.TIME:
            return zerto_resources.write_time(self._clock.now(), accept)
        if named == zerto_resources.SITE:
            return zerto_resources.write_site(self._site, self._own.origin(request), accept)
        return zerto_resources.write_list(named, accept)

    async def _start(self, request: Request) -> Reply:
        # The credential first: a client that was not challenged yet may send any body at all.
        name, password = read_basic(request.credential())
        method = zerto.read_method(request.body, request.header("content-type"))
        provider = self._providers[method]
        opened = await self._logins.login(
            name,
            password,
            client_of(request, DIALECT),
            provider=provider,
            default=provider,
            form=GUID,
        )
        header = (zerto.SESSION_HEADER, opened.token.reveal())
        return Reply(200, (header,), undelivered=opened.undelivered)

    async def _end(self, request: Request) -> Reply:
        session = await self._caller(request)
        await self._sessions.end(session.key, Ended.LOGOUT)
        return Reply(200)

    async def _caller(self, request: Request) -> Session:
        return known(await caller(request, self._sessions, self._bearers, _CARRIERS))


def _only(request: Request, verb: str) -> None:
    if request.method != verb:
        raise errors.WrongVerb(verb)


@lru_cache
def _headers_of(content_type: str) -> FixedHeaders:
    return FixedHeaders((("content-type", content_type), NO_STORE, ("vary", "accept")))


def _headers(answer: zerto.ZertoReply) -> FixedHeaders:
    return _headers_of(answer.content_type)


def refusal(request: Request, error: errors.SessionGateError | None) -> Reply:
    """An error in Zerto's form; None stands for one that we did not expect."""
    answer = zerto.refusal(error, request.header("accept"))
    headers = list(_headers(answer))
    form = zerto.FORMS[type(error)] if error is not None else zerto.INTERNAL
    if form.challenge:
        headers.append(("www-authenticate", zerto.CHALLENGE))
    return Reply(answer.status, (*headers, *extra_headers(error)), answer.body)
