"""Endpoint of what `/api` and `/rest` have besides sessions, where an upstream stands behind."""

from sessiongate import __version__, errors
from sessiongate.dialects.automation.resources import Face
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import NO_STORE, caller, known
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.service.sessions import Sessions
from sessiongate.wire.automation import hello
from sessiongate.wire.automation.relayed import own_address, read_rest
from sessiongate.wire.file_addresses import led_here
from sessiongate.wire.http import Headers

PASSED = ("accept", "accept-language", "content-type", "opid", "vapi-ctx-opid", "x-request-id")
"""What of a request's head goes on: nothing that says who the client is."""

_OPERATION = ("vapi-ctx-opid", "opid", "x-request-id")
"""What the client calls this request in its own log, the name that vAPI has for it first."""

_OWN: Headers = (("user-agent", f"sessiongate/{__version__}"), ("accept-encoding", "identity"))

_LIBRARY = "/content/library/"


class RelayedRestEndpoint:
    """Answers what is for an upstream; all else goes to the `own` endpoint."""

    def __init__(
        self, own: Handler, gates: Gates, sessions: Sessions, bearers: Bearers, face: Face
    ) -> None:
        self._own = own
        self._gates = gates
        self._sessions = sessions
        self._bearers = bearers
        self._face = face

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in the form of its face."""
        gate = self._gates.of(request)
        if gate is None or (request.path == hello.PATH and hello.is_hello(request.query)):
            return await self._own(request)
        try:
            return await self._forwarded(gate, request)
        except errors.SessionGateError as error:
            return self._face.refusal(error)

    async def _forwarded(self, gate: VCenterGateway, request: Request) -> Reply:
        carriers = self._face.carriers
        session = known(await caller(request, self._sessions, self._bearers, carriers))
        relayed = read_rest(request.method, request.path, request.query, request.body)
        ours = own_address(request.header("host") or "", secure=request.secure)
        answer = await gate.automation.call(
            session,
            relayed,
            passed(request),
            operation=operation_of(request),
            ours=ours,
        )
        body = answer.body
        if _LIBRARY in request.path:  # whose files have addresses of their own
            body = led_here(body, gate.url, ours)
        return Reply(answer.status, (*answer.headers, NO_STORE), body)


def passed(request: Request) -> Headers:
    """The headers of a request as they go on: each once, and those that we say ourselves."""
    first: dict[str, str] = {}
    for name, value in request.headers:
        if name in PASSED and name not in first:
            first[name] = value
    if request.body and "content-type" not in first:
        first["content-type"] = "application/json"
    return (*first.items(), *_OWN) if first else _OWN


def operation_of(request: Request) -> str:
    """What the client calls this request."""
    said: dict[str, str] = {}
    for name, value in request.headers:
        if name in _OPERATION:
            said.setdefault(name, value)
    if not said:
        return ""
    return next((said[name] for name in _OPERATION if said.get(name)), "")
