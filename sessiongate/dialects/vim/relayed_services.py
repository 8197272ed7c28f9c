"""Endpoint of the SOAP services beside `/sdk` where an upstream stands behind.

Whose session it is, cookie or header say: these services are told it in the envelope.
"""

from sessiongate import __version__, errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import caller, known
from sessiongate.dialects.vim.pbm_endpoint import PbmEndpoint
from sessiongate.dialects.vim.soap_endpoint import CARRIERS
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.http.router import nowhere
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.telemetry import request_id
from sessiongate.wire.vim.relayed_service import RelayedService, read_service_call

_PASSED = ("soapaction", "accept-language", "opid", "x-request-id")
"""What of a request's head goes on: nothing that says who the client is."""


class RelayedServiceEndpoint:
    """Answers what is for an upstream; all else goes to the `own` endpoint."""

    def __init__(
        self,
        own: Handler,
        policies: PbmEndpoint,
        gates: Gates,
        sessions: Sessions,
        bearers: Bearers,
    ) -> None:
        """`policies` tells refusals, as it does where nothing stands behind."""
        self._own = own
        self._policies = policies
        self._gates = gates
        self._sessions = sessions
        self._bearers = bearers
        self._callers = KnownCallers(sessions, bearers, takes_assertions=False)

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a SOAP fault."""
        gate = self._gates.of(request)
        if gate is None:
            return await self._own(request)
        if request.method != "POST":
            return self._policies.refuse(request, errors.WrongVerb("POST"))
        target, session = None, None
        try:
            read = await self._read(gate, request)
            target = read.target
            if read.operation_id:
                request_id.adopt(read.operation_id)
            found = await caller(request, self._sessions, self._bearers, CARRIERS, read.carriers)
            session = known(found)
            return await self._forwarded(gate, request, read, session)
        except errors.UnknownAddress:
            return await nowhere(request)
        except errors.SessionGateError as error:
            return self._policies.fault(error, target, session)

    async def _read(self, gate: VCenterGateway, request: Request) -> RelayedService:
        """What it asks. For what is larger than strangers may send, its headers name a session."""
        try:
            return read_service_call(request.body)
        except errors.Malformed:
            if not await self._callers.known(request):
                raise
        return await gate.parse_queue.take(lambda: read_service_call(request.body, known=True))

    async def _forwarded(
        self, gate: VCenterGateway, request: Request, read: RelayedService, session: Session
    ) -> Reply:
        passed = tuple((name, value) for name, value in request.headers if name in _PASSED)
        own = (
            ("user-agent", f"sessiongate/{__version__}"),
            ("content-type", "text/xml; charset=utf-8"),
            ("accept-encoding", "identity"),
        )
        answer = await gate.services.call(session, request.path, read, (*passed, *own))
        headers = (*answer.headers, ("cache-control", "no-cache"))
        return Reply(answer.status, headers, answer.body)

    async def vsan_versions(self, request: Request) -> Reply:
        """Answer `GET /sdk/vsanServiceVersions.xml`: what the upstream says."""
        gate = self._gates.of(request)
        if gate is None or request.method not in ("GET", "HEAD"):
            return await self._own(request)
        try:
            answer = await gate.public.vsan_versions()
        except errors.UnknownAddress:
            return await nowhere(request)
        except errors.SessionGateError as error:
            return self._policies.refuse(request, error)
        kinds = tuple(("content-type", kind) for kind in answer.all("content-type")[:1])
        return Reply(answer.status, (*kinds, ("cache-control", "no-cache")), answer.body)
