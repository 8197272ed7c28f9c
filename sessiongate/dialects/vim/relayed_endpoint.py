"""Endpoint of SOAP where an upstream stands behind: sessions are ours, all else is the upstream's.

Which upstream is meant, the Host says. Calls that are about sessions go to the endpoint that
answers them everywhere. What cannot be read is refused, since nobody knows whom it is for.
"""

from functools import partial

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import caller
from sessiongate.dialects.vim.parsed_requests import RelayedPolls
from sessiongate.dialects.vim.relayed_calls import RelayedCalls, is_ours, replied
from sessiongate.dialects.vim.soap_endpoint import CARRIERS, VimSoapEndpoint, service_versions_reply
from sessiongate.http.message import Reply, Request
from sessiongate.service.sessions import Sessions
from sessiongate.telemetry import request_id
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.relayed import SESSION_MANAGER_ID, Relayed, read_relayed
from sessiongate.wire.vim.request import VimRequest

_PASSED = frozenset({"soapaction", "accept-language", "opid", "x-request-id"})

_NO_CACHE = ("cache-control", "no-cache")

_CONTENT = ("ServiceInstance", "RetrieveServiceContent")


class RelayedSoapEndpoint:
    """Answers `/sdk` where there are upstreams."""

    def __init__(
        self, own: VimSoapEndpoint, gates: Gates, sessions: Sessions, bearers: Bearers
    ) -> None:
        self._own = own
        self._gates = gates
        self._sessions = sessions
        self._bearers = bearers
        self._polls = RelayedPolls()
        self._calls = RelayedCalls(sessions, bearers, _PASSED, "text/xml; charset=utf-8")

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a SOAP fault."""
        gate = self._gates.of(request)
        if gate is None or request.method != "POST" or request.path not in vim_soap.PATHS:
            return await self._own(request)
        body = request.body
        try:
            read = kept = self._polls.read(body)
            if read is None:
                reader = partial(_read, body)
                read = await self._calls.read(gate, request, reader)
        except errors.SessionGateError as unreadable:
            if _is_ours(request.body):  # as it stands, since it goes no further
                return await self._own(request)
            return self._own.refuse_read(VimRequest(), unreadable, None)
        if kept is None and is_ours(read):  # an upstream has answered what was kept
            return await self._own(request)
        if read.operation_id:
            request_id.adopt(read.operation_id)
        session = None
        try:
            if (read.target.name, read.method) == _CONTENT:
                answer = await gate.public.service_content(request.header("soapaction") or "")
                return replied(answer, _NO_CACHE)
            session = await caller(request, self._sessions, self._bearers, CARRIERS, read.carriers)
            answer = await self._calls.forward(gate, request, read, session)
        except errors.SessionGateError as error:
            asked = VimRequest(read.target, read.method, namespace=read.namespace)
            return self._own.refuse_read(asked, error, session)
        if kept is None and answer.status == 200:
            self._polls.keep(read)
        return replied(answer, _NO_CACHE)

    async def versions(self, request: Request) -> Reply:
        """Answer `GET /sdk/vimServiceVersions.xml`: no more than the upstream has."""
        gate = self._gates.of(request)
        if gate is None or request.method not in ("GET", "HEAD"):
            return await service_versions_reply(request)
        try:
            return replied(await gate.public.versions(), _NO_CACHE)
        except errors.SessionGateError as error:
            return self._own.refuse(request, error)


def _read(body: bytes, known: bool) -> Relayed:
    return read_relayed(body, known=known)


def _is_ours(document: bytes) -> bool:
    """Whether a document that cannot be sent on is for the SessionManager, as we read it."""
    try:
        return (
            vim_soap.read_target(vim_soap.read_envelope(document).call).name == SESSION_MANAGER_ID
        )
    except errors.Malformed:
        return False
