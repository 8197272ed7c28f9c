"""Endpoint of `/pbm`: storage policies, of which there are none, for whoever has a session.

Its clients are those of SOAP, and so are carriers and headers, and what metrics call its requests.
"""

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import caller
from sessiongate.dialects.vim.center import VirtualCenter
from sessiongate.dialects.vim.soap_endpoint import CARRIERS, HEADERS
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.rules.access import SYSTEM_VIEW
from sessiongate.rules.locale import message_locale
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.telemetry import request_id
from sessiongate.wire import pbm
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.faults import fault_of
from sessiongate.wire.vim.types import MoRef


class PbmEndpoint:
    """Answers `wire.pbm.PATHS`."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        bearers: Bearers,
        center: VirtualCenter,
        *,
        instance: str,
    ) -> None:
        self._sessions = sessions
        self._logins = logins
        self._bearers = bearers
        self._center = center
        self._instance = instance

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a SOAP fault."""
        if request.method != "POST":
            return self.refuse(request, errors.WrongVerb("POST"))
        if len(request.body) > pbm.LARGEST:
            too_large = errors.Malformed(f"the document is larger than {pbm.LARGEST} bytes")
            return Reply(413, HEADERS, vim_soap.write_unreadable(too_large))
        try:
            call = pbm.read_call(request.body)
        except errors.Malformed as unreadable:
            return Reply(500, HEADERS, vim_soap.write_unreadable(unreadable))
        if call.operation_id:
            request_id.adopt(call.operation_id)
        session = None
        try:
            session = await caller(request, self._sessions, self._bearers, CARRIERS, call.carriers)
            self._center.permit(session, "storage policies", SYSTEM_VIEW)
            return Reply(200, HEADERS, self._answer(call.name))
        except errors.SessionGateError as error:
            return self.fault(error, call.target, session)

    def _answer(self, name: str) -> bytes:
        if name == pbm.CONTENT:
            return pbm.write_content(self._instance)
        if name == pbm.RESOURCE_TYPES:
            return pbm.write_resource_types()
        if name in pbm.EMPTY:
            return pbm.write_empty(name)
        raise errors.NotSupported("there are no storage policies here")

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen."""
        return self.fault(error, None, None)

    def fault(
        self,
        error: errors.SessionGateError | None,
        target: MoRef | None,
        session: Session | None,
    ) -> Reply:
        """The reply for an error in answering a call of this session on this object."""
        locale = session.message_locale if session is not None else None
        spoken = locale or message_locale(self._logins.locale_of(None))
        fault = fault_of(error, target, SYSTEM_VIEW, spoken)
        headers = (*HEADERS, *extra_headers(error))
        return Reply(fault.status, headers, vim_soap.write_fault(fault))
