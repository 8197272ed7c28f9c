"""Endpoint of Zerto's resources where a ZVM stands behind. Sessions stay ours."""

from sessiongate import __version__, errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import NO_STORE, caller, known
from sessiongate.dialects.zerto.endpoint import refusal
from sessiongate.gateway.zvm_gateway import ZvmGateway
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.service.sessions import Sessions
from sessiongate.wire import zerto
from sessiongate.wire.automation.relayed import own_address
from sessiongate.wire.carriers import BEARER, ZERTO_HEADER
from sessiongate.wire.http import Headers
from sessiongate.wire.json_body import is_long
from sessiongate.wire.zerto_relayed import RelayedZerto, read_zerto

_CARRIERS = frozenset({ZERTO_HEADER, BEARER})

_PASSED = frozenset(
    {
        *("accept", "accept-language", "content-type", "x-request-id"),
        *("if-match", "if-none-match", "if-modified-since", "zerto-triggered-by"),
    }
)
"""What of a request's head goes on: nothing that says who the client is."""


class RelayedZertoEndpoint:
    """Answers what is for a ZVM; all else goes to the `own` endpoint."""

    def __init__(self, own: Handler, gates: Gates, sessions: Sessions, bearers: Bearers) -> None:
        self._own = own
        self._gates = gates
        self._sessions = sessions
        self._bearers = bearers

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with errors in Zerto's form."""
        gate = self._gates.zvms.of(request)
        if gate is None or zerto.address(request.path) is not None:
            return await self._own(request)
        try:
            return await self._forwarded(gate, request)
        except errors.SessionGateError as error:
            return refusal(request, error)

    async def _forwarded(self, gate: ZvmGateway, request: Request) -> Reply:
        session = known(await caller(request, self._sessions, self._bearers, _CARRIERS))
        relayed = await _read(gate, request)
        ours = own_address(request.header("host") or "", secure=request.secure)
        answer = await gate.resources.call(session, relayed, _passed(request), ours=ours)
        return Reply(answer.status, (*answer.headers, NO_STORE), answer.body)


async def _read(gate: ZvmGateway, request: Request) -> RelayedZerto:
    """What it asks. One that takes long to read has a turn of its own."""
    media = request.header("content-type")

    def read() -> RelayedZerto:
        return read_zerto(request.method, request.path, request.query, request.body, media)

    return await gate.parse_queue.take(read) if is_long(request.body) else read()


def _passed(request: Request) -> Headers:
    """The headers of a request as they go on: each once, and those that we say ourselves."""
    first = {name: value for name, value in reversed(request.headers) if name in _PASSED}
    own = (("user-agent", f"sessiongate/{__version__}"), ("accept-encoding", "identity"))
    return (*first.items(), *own)
