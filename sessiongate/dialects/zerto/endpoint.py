"""Endpoint of Zerto's session API."""

import msgspec

from sessiongate import errors
from sessiongate.clock import Clock
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import caller, client_of, known
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.rules.token import GUID
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire import zerto
from sessiongate.wire.basic import read_basic
from sessiongate.wire.carriers import BEARER, ZERTO_HEADER
from sessiongate.wire.times import moment

DIALECT = "zerto"
_CARRIERS = frozenset({ZERTO_HEADER, BEARER})
_JSON = (("content-type", "application/json; charset=utf-8"),)
_TIME = "/v1/serverdatetime"


class ZertoEndpoint:
    """Answers everything below `/v1/`."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        bearers: Bearers,
        clock: Clock,
        *,
        windows: str,
        hypervisor: str,
    ) -> None:
        self._sessions = sessions
        self._logins = logins
        self._clock = clock
        self._bearers = bearers
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
        if request.path.lower().removesuffix("/") == _TIME:
            _only(request, "GET")
            return Reply(200, _JSON, msgspec.json.encode(moment(self._clock.now())))
        raise errors.UnknownAddress("no such resource")

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


def refusal(request: Request, error: errors.SessionGateError | None) -> Reply:
    """An error in Zerto's form; None stands for one that we did not expect."""
    answer = zerto.refusal(error, request.header("accept"))
    headers = [("content-type", answer.content_type)]
    form = zerto.FORMS[type(error)] if error is not None else zerto.INTERNAL
    if form.challenge:
        headers.append(("www-authenticate", zerto.CHALLENGE))
    return Reply(answer.status, (*headers, *extra_headers(error)), answer.body)
