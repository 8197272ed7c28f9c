"""Endpoint of VI/JSON."""

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import NO_STORE
from sessiongate.dialects.vim.calls import Calls, FaultReply
from sessiongate.dialects.vim.center import VirtualCenter
from sessiongate.dialects.vim.context import Outcome
from sessiongate.http.message import Reply, Request
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire.carriers import VMWARE_HEADER
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim.methods import Call, Method
from sessiongate.wire.vim.request import Unread, VimRequest

DIALECT = "vi-json"
CARRIERS = frozenset({VMWARE_HEADER})
_HEADERS: tuple[tuple[str, str], ...] = (("content-type", "application/json"), NO_STORE)


class VimJsonEndpoint:
    """Answers everything below `/sdk/vim25/`."""

    def __init__(
        self, sessions: Sessions, logins: Logins, bearers: Bearers, center: VirtualCenter
    ) -> None:
        self._calls = Calls(sessions, logins, bearers, center, DIALECT, CARRIERS)

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a vim fault, as JSON."""
        try:
            read = vim_json.read_request(request.method, request.path, request.body)
        except Unread as refused:
            return _fault(self._calls.refuse(refused.error, refused.request))
        answer = await self._calls.run(request, read, vim_json.version_in(request.path))
        return _fault(answer) if isinstance(answer, FaultReply) else _result(read.call, answer)

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen."""
        return _fault(self._calls.refuse(error, VimRequest()))

    def refuse_read(
        self, read: VimRequest, error: errors.SessionGateError, session: Session | None
    ) -> Reply:
        """The reply for an error of a call that was read, in the session's language."""
        return _fault(self._calls.refuse(error, read, session))


def _fault(refusal: FaultReply) -> Reply:
    """A fault as VI/JSON sends it: HTTP 500 but for wrong verbs (405) and outages (503)."""
    fault = refusal.fault
    return Reply(fault.status, (*_HEADERS, *refusal.headers), vim_json.write_fault(fault))


def _result(call: Call, outcome: Outcome) -> Reply:
    if isinstance(call.member, Method) and call.member.result is None:
        return Reply(204)
    headers = _HEADERS
    if outcome.token is not None:
        headers = (*headers, (vim_json.SESSION_HEADER, outcome.token.reveal()))
    body = vim_json.write_result(outcome.value)
    return Reply(200, headers, body, undelivered=outcome.undelivered)
