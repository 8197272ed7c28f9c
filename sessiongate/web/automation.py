"""Endpoints of the Automation API: `/api/session`, `/rest/...`, hello, and vAPI JSON-RPC."""

import msgspec

from sessiongate import errors
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.service.bearers import Bearers
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.session import Ended, Session
from sessiongate.web.client import caller, client_of, known
from sessiongate.wire.automation import hello, vapi_rpc
from sessiongate.wire.automation import rest as automation
from sessiongate.wire.basic import read_basic
from sessiongate.wire.carriers import REST_COOKIE, SOAP_COOKIE, VMWARE_HEADER, WHITE_SPACE

DIALECT = "rest"
RPC_DIALECT = "vapi-rpc"

_JSON = ("content-type", "application/json")
_JSON_ONLY = (_JSON,)
_API_CARRIERS = frozenset({VMWARE_HEADER})
_REST_CARRIERS = frozenset({VMWARE_HEADER, f"cookie:{REST_COOKIE}"})
_RPC_CARRIERS = _REST_CARRIERS | {f"cookie:{SOAP_COOKIE}"}


class _Face:
    """What the two faces share: log in by Basic, and the caller of everything else."""

    def __init__(self, sessions: Sessions, bearers: Bearers, *, provider: str) -> None:
        self._sessions = sessions
        self._bearers = bearers
        self._provider = provider

    async def _login(self, request: Request) -> Opened:
        name, password = read_basic(request.credential())
        client = client_of(request, DIALECT)
        return await self._sessions.login(name, password, client, default=self._provider)

    async def _caller(self, request: Request, carriers: frozenset[str]) -> Session:
        return known(await caller(request, self._sessions, self._bearers, carriers))


class ApiSessionEndpoint(_Face):
    """Answers `/api/session`: bare values, 201 for a login."""

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in the form of `/api`."""
        try:
            match request.method:
                case "GET":
                    session = await self._caller(request, _API_CARRIERS)
                    body = msgspec.json.encode(automation.session_info(session))
                    return Reply(200, _JSON_ONLY, body)
                case "POST":
                    opened = await self._login(request)
                    body = msgspec.json.encode(opened.token.reveal())
                    return Reply(201, _JSON_ONLY, body, opened=opened.session.key)
                case "DELETE":
                    session = await self._caller(request, _API_CARRIERS)
                    await self._sessions.end(session.key, Ended.LOGOUT)
                    return Reply(204)
            raise errors.WrongVerb("POST", "GET", "DELETE")
        except errors.SessionGateError as error:
            return api_refusal(error)


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
                session = await self._caller(request, _REST_CARRIERS)
                await self._sessions.end(session.key, Ended.LOGOUT)
                return Reply(200)
        raise errors.WrongVerb("POST", "GET", "DELETE")

    async def _create(self, request: Request) -> Reply:
        opened = await self._login(request)
        token = opened.token.reveal()
        headers = [_JSON]
        if (request.header("vmware-use-header-authn") or "").strip().lower() != "true":
            secure = "; Secure" if request.secure else ""
            cookie = f"{REST_COOKIE}={token}; Path=/rest; HttpOnly{secure}; SameSite=Strict"
            headers.append(("set-cookie", cookie))
        body = msgspec.json.encode({"value": token})
        return Reply(200, tuple(headers), body, opened=opened.session.key)

    async def _get(self, request: Request) -> Reply:
        session = await self._caller(request, _REST_CARRIERS)
        body = msgspec.json.encode({"value": automation.session_info(session)})
        return Reply(200, (_JSON,), body)


class RpcEndpoint:
    """Answers `POST /api`, vAPI JSON-RPC."""

    def __init__(self, sessions: Sessions, bearers: Bearers, *, provider: str) -> None:
        self._sessions = sessions
        self._bearers = bearers
        self._provider = provider

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; what goes wrong below HTTP comes inside a 200."""
        if request.method != "POST":
            return api_refusal(errors.WrongVerb("POST"))
        try:
            call = vapi_rpc.read_call(
                request.body, request.header("vapi-service"), request.header("vapi-operation")
            )
        except vapi_rpc.RpcError as error:
            return _rpc(vapi_rpc.write_rpc_error(error))
        if call.service != vapi_rpc.SERVICE or call.operation not in vapi_rpc.OPERATIONS:
            return _rpc(vapi_rpc.write_no_operation(call))
        try:
            if call.operation == "create":
                return await self._create(request, call)
            return _rpc(vapi_rpc.write_output(call, await self._output(request, call)))
        except errors.SessionGateError as error:
            return _rpc(vapi_rpc.write_refusal(call, error))

    async def _create(self, request: Request, call: vapi_rpc.Call) -> Reply:
        name, password = vapi_rpc.credential(call)
        client = client_of(request, RPC_DIALECT)
        opened = await self._sessions.login(name, password, client, default=self._provider)
        reply = _rpc(vapi_rpc.write_output(call, vapi_rpc.created(opened.token)))
        reply.opened = opened.session.key
        return reply

    async def _output(self, request: Request, call: vapi_rpc.Call) -> object:
        session = await self._caller(request, call)
        if call.operation == "get":
            return vapi_rpc.info(automation.session_info(session))
        await self._sessions.end(session.key, Ended.LOGOUT)
        return None

    async def _caller(self, request: Request, call: vapi_rpc.Call) -> Session:
        named = vapi_rpc.session_id(call)
        # As one more carrier, so that a contradiction with the others is found.
        inside = [(VMWARE_HEADER, named.strip(WHITE_SPACE))] if named is not None else []
        return known(await caller(request, self._sessions, self._bearers, _RPC_CARRIERS, inside))

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen.

        That is still a 200, under the request's id. What is refused unread has no id, and by its
        status is no call at all.
        """
        if error is not None:
            body = vapi_rpc.write_rpc_error(vapi_rpc.unread(error))
            status = automation.refusal_of(error).status
            return Reply(status, (_JSON, *extra_headers(error)), body)
        try:
            call = vapi_rpc.read_call(request.body, None, None)
        except vapi_rpc.RpcError as unreadable:
            return _rpc(vapi_rpc.write_rpc_error(unreadable))
        return _rpc(vapi_rpc.write_refusal(call, None))


class HelloEndpoint:
    """Answers `POST /api/vcenter/system?action=hello`: which release both sides speak."""

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in the form of `/api`."""
        try:
            if not hello.is_hello(request.query):
                raise errors.UnknownAddress("the query is not action=hello")
            if request.method != "POST":
                raise errors.WrongVerb("POST")
            chosen = hello.negotiate(hello.read_releases(request.body))
        except errors.SessionGateError as error:
            return api_refusal(error)
        return Reply(200, (_JSON,), msgspec.json.encode({"api_release": chosen}))


def _rpc(body: bytes) -> Reply:
    return Reply(200, (_JSON,), body)


async def api_nowhere(request: Request) -> Reply:
    """A path below `/api/` that nothing answers."""
    return api_refusal(errors.UnknownAddress("nothing here"))


async def rest_nowhere(request: Request) -> Reply:
    """A path below `/rest/` that nothing answers."""
    refusal = automation.no_operations(request.path)
    return Reply(refusal.status, (_JSON,), automation.write_rest_error(refusal))


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
    headers = [_JSON]
    if refusal.status == 401:
        headers.append(("www-authenticate", automation.CHALLENGE))
    return (*headers, *extra_headers(error))
