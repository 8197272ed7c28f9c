"""Endpoint of SOAP where an upstream stands behind: sessions are ours, all else is the upstream's.

Which upstream is meant, the Host says. Calls that are about sessions go to the endpoint that
answers them everywhere. What cannot be read is refused, since nobody knows whom it is for.
"""

from sessiongate import __version__, errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.known_callers import KnownCallers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import caller
from sessiongate.dialects.vim.parsed_requests import RelayedPolls
from sessiongate.dialects.vim.soap_endpoint import CARRIERS, VimSoapEndpoint, service_versions_reply
from sessiongate.gateway.gate import Gate
from sessiongate.http.message import Reply, Request
from sessiongate.rules.relay import Kind, judge
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.telemetry import request_id
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.relayed import SESSION_MANAGER_ID, Relayed, read_relayed
from sessiongate.wire.vim.request import VimRequest

# What of a request's head goes on: nothing that says who the client is.
_PASSED = ("soapaction", "accept-language", "opid", "x-request-id")

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
        self._callers = KnownCallers(sessions, bearers, takes_assertions=False)

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a SOAP fault."""
        gate = self._gates.of(request)
        if gate is None or request.method != "POST" or request.path not in vim_soap.PATHS:
            return await self._own(request)
        try:
            read = await self._read(request)
        except errors.SessionGateError as unreadable:
            if _is_ours(request.body):  # as it stands, since it goes no further
                return await self._own(request)
            return self._own.refuse_read(VimRequest(), unreadable, None)
        if read.is_about_sessions or judge(read.target.kind, read.method).kind is Kind.OWN:
            return await self._own(request)
        if read.operation_id:
            request_id.adopt(read.operation_id)
        session = None
        try:
            if (read.target.name, read.method) == _CONTENT:
                return _reply(await gate.public.service_content(request.header("soapaction") or ""))
            session = await caller(request, self._sessions, self._bearers, CARRIERS, read.carriers)
            return _reply(await self._forward(gate, request, read, session))
        except errors.SessionGateError as error:
            asked = VimRequest(read.target, read.method, namespace=read.namespace)
            return self._own.refuse_read(asked, error, session)

    async def _read(self, request: Request) -> Relayed:
        """What it asks. Raises Malformed, or Unavailable where nobody knows whose it is.

        Nearly all requests are within what strangers may send. For what is beyond it the headers
        have to name a live session.
        """
        try:
            return self._polls.known(request.body) or read_relayed(request.body)
        except errors.Malformed:
            if not await self._callers.known(request):
                raise
        return read_relayed(request.body, known=True)

    async def _forward(
        self, gate: Gate, request: Request, read: Relayed, session: Session | None
    ) -> Answer:
        if session is None:
            raise errors.NoSession("no session, or one that has ended")
        passed = tuple((name, value) for name, value in request.headers if name in _PASSED)
        own = (
            ("user-agent", f"sessiongate/{__version__}"),
            ("content-type", "text/xml; charset=utf-8"),
            ("accept-encoding", "identity"),
        )
        answer = await gate.relay.call(session, read, (*passed, *own), request.when_gone)
        if answer.status == 200:
            self._polls.keep(read)
        return answer

    async def versions(self, request: Request) -> Reply:
        """Answer `GET /sdk/vimServiceVersions.xml`: no more than the upstream has."""
        gate = self._gates.of(request)
        if gate is None or request.method not in ("GET", "HEAD"):
            return await service_versions_reply(request)
        try:
            return _reply(await gate.public.versions())
        except errors.SessionGateError as error:
            return self._own.refuse(request, error)


def _is_ours(document: bytes) -> bool:
    """Whether a document that cannot be sent on is for the SessionManager, as we read it."""
    try:
        return (
            vim_soap.read_target(vim_soap.read_envelope(document).call).name == SESSION_MANAGER_ID
        )
    except errors.Malformed:
        return False


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, (*_typed(answer), ("cache-control", "no-cache")), answer.body)


def _typed(answer: Answer) -> tuple[tuple[str, str], ...]:
    return tuple(("content-type", kind) for kind in answer.all("content-type")[:1])
