"""Endpoints of the Automation API: `/api/session`, `/rest/...`, hello, and vAPI JSON-RPC."""

import msgspec

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import (
    MUST_WAIT,
    NO_STORE,
    caller,
    caller_nowait,
    client_of,
    known,
)
from sessiongate.http.message import FixedHeaders, Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire import basic
from sessiongate.wire.automation import hello
from sessiongate.wire.automation import rest as automation
from sessiongate.wire.carriers import REST_COOKIE, VMWARE_HEADER

DIALECT = "rest"

JSON_HEADERS = FixedHeaders((("content-type", "application/json"), NO_STORE))
API_CARRIERS = frozenset({VMWARE_HEADER})
REST_CARRIERS = frozenset({VMWARE_HEADER, f"cookie:{REST_COOKIE}"})


class _Face:
    """What the two faces share: log in by Basic, and the caller of everything else."""

    def __init__(
        self, sessions: Sessions, logins: Logins, bearers: Bearers, *, provider: str
    ) -> None:
        self._sessions = sessions
        self._logins = logins
        self._bearers = bearers
        self._provider = provider

    async def _login(self, request: Request) -> Opened:
        name, password = basic.read_basic(request.credential())
        client = client_of(request, DIALECT)
        return await self._logins.login(name, password, client, default=self._provider)

    async def _caller(self, request: Request, carriers: frozenset[str]) -> Session:
        return known(await caller(request, self._sessions, self._bearers, carriers))


class ApiSessionEndpoint(_Face):
    """Answers `/api/session`: bare values, 201 for a login."""

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in the form of `/api`."""
        try:
            match request.method:
                case "GET":
                    return _info(await self._caller(request, API_CARRIERS))
                case "POST":
                    opened = await self._login(request)
                    body = msgspec.json.encode(opened.token.reveal())
                    return Reply(201, JSON_HEADERS, body, undelivered=opened.undelivered)
                case "DELETE":
                    session = await self._caller(request, API_CARRIERS)
                    await self._sessions.end(session.key, Ended.LOGOUT)
                    return Reply(204)
            raise errors.WrongVerb("POST", "GET", "DELETE")
        except errors.SessionGateError as error:
            return api_refusal(error)

    def answer_nowait(self, request: Request) -> Reply | None:
        """As `message.NoWait`: checks, which come more often than all else."""
        if request.method != "GET":
            return None
        try:
            session = caller_nowait(request, self._sessions, API_CARRIERS)
            return None if session is MUST_WAIT else _info(known(session))
        except errors.SessionGateError as error:
            return api_refusal(error)


def _info(session: Session) -> Reply:
    return Reply(200, JSON_HEADERS, msgspec.json.encode(automation.session_info(session)))


class RestSessionEndpoint(_Face):
    """Answers `/rest/com/vmware/cis/session`: wrapped values, 200 for a login, and a cookie."""

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in the form of `/rest`."""
        try:
            return await self._answer(request)
        except errors.SessionGateError as error:
            return rest_refusal(error)

    async def _answer(self, request: Request) -> Reply:
        match request.method:
            case "POST" if automation.is_get_action(request.query):
                return await self._get(request)
            case "POST":
                return await self._create(request)
            case "GET":
                return await self._get(request)
            case "DELETE":
                session = await self._caller(request, REST_CARRIERS)
                await self._sessions.end(session.key, Ended.LOGOUT)
                return Reply(200)
        raise errors.WrongVerb("POST", "GET", "DELETE")

    async def _create(self, request: Request) -> Reply:
        opened = await self._login(request)
        token = opened.token.reveal()
        headers = [*JSON_HEADERS]
        if (request.header("vmware-use-header-authn") or "").strip().lower() != "true":
            secure = "; Secure" if request.secure else ""
            cookie = f"{REST_COOKIE}={token}; Path=/rest; HttpOnly{secure}; SameSite=Strict"
            headers.append(("set-cookie", cookie))
        body = msgspec.json.encode({"value": token})
        return Reply(200, tuple(headers), body, undelivered=opened.undelivered)

    async def _get(self, request: Request) -> Reply:
        session = await self._caller(request, REST_CARRIERS)
        body = msgspec.json.encode({"value": automation.session_info(session)})
        return Reply(200, JSON_HEADERS, body)


class HelloEndpoint:
    """Answers `POST /api/vcenter/system?action=hello`: which release both sides speak.

    Where an upstream stands behind, no more are promised than that has.
    """

    def __init__(self, gates: Gates | None = None) -> None:
        self._gates = gates

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in the form of `/api`."""
        try:
            if not hello.is_hello(request.query):
                raise errors.UnknownAddress("the query is not action=hello")
            if request.method != "POST":
                raise errors.WrongVerb("POST")
            wanted = hello.read_releases(request.body)
            gate = self._gates.of(request) if self._gates is not None else None
            if gate is not None:
                served = await gate.public.releases()
                wanted = [release for release in wanted if release in served]
            chosen = hello.negotiate(wanted)
        except errors.SessionGateError as error:
            return api_refusal(error)
        return Reply(200, JSON_HEADERS, msgspec.json.encode({"api_release": chosen}))


async def api_nowhere(request: Request) -> Reply:
    """A path below `/api/` that nothing answers."""
    return api_refusal(errors.UnknownAddress("nothing here"))


async def rest_nowhere(request: Request) -> Reply:
    """A path below `/rest/` that nothing answers."""
    refusal = automation.no_operations(request.path)
    return Reply(refusal.status, JSON_HEADERS, automation.write_rest_error(refusal))


def api_refusal(error: errors.SessionGateError | None) -> Reply:
    """An error in the form of `/api`; None stands for one that we did not expect."""
    refusal = automation.refusal_of(error)
    body = automation.write_api_error(refusal)
    return Reply(refusal.status, _error_headers(refusal, error), body)


def rest_refusal(error: errors.SessionGateError | None) -> Reply:
    """An error in the form of `/rest`; None stands for one that we did not expect."""
    refusal = automation.refusal_of(error)
    body = automation.write_rest_error(refusal)
    return Reply(refusal.status, _error_headers(refusal, error), body)


def _error_headers(
    refusal: automation.Refusal, error: errors.SessionGateError | None
) -> tuple[tuple[str, str], ...]:
    headers = [*JSON_HEADERS]
    if refusal.status == 401:
        headers.append(("www-authenticate", automation.CHALLENGE))
    return (*headers, *extra_headers(error))
