"""Endpoint of SOAP at `/sdk`, and of the list of versions beside it.

The session travels in one cookie, set only by the replies that open a session and exactly as a
vCenter sets it: pyVmomi sends the attributes back with the value, keeps whatever Set-Cookie came
last, and joins two into one. So there is no SameSite here (no browser is served on this path; the
cookie opens nothing by GET) and never a Domain. `Secure` is left out where the request came by
plain HTTP, since Go's cookie jar would then not send the cookie back.
"""

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.vim.calls import Calls, FaultReply
from sessiongate.dialects.vim.center import VirtualCenter
from sessiongate.dialects.vim.context import Outcome
from sessiongate.dialects.vim.parsed_requests import Polls
from sessiongate.http import router as routes
from sessiongate.http.message import Reply, Request
from sessiongate.secret import Secret
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.telemetry import request_id
from sessiongate.wire.carriers import SOAP_COOKIE, VC_COOKIE
from sessiongate.wire.vim import api_version, service_versions
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.request import Unread, VimRequest

DIALECT = "soap"
CARRIERS = frozenset({f"cookie:{SOAP_COOKIE}", VC_COOKIE})
_XML = ("content-type", "text/xml; charset=utf-8")
HEADERS = (_XML, ("cache-control", "no-cache"))


class VimSoapEndpoint:
    """Answers `/sdk`, `/sdk/` and `/sdk/vimService`."""

    def __init__(
        self, sessions: Sessions, logins: Logins, bearers: Bearers, center: VirtualCenter
    ) -> None:
        self.polls = Polls()
        self._calls = Calls(sessions, logins, bearers, center, DIALECT, CARRIERS, self.polls.keep)

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a SOAP fault."""
        if request.path not in vim_soap.PATHS:
            return await routes.nowhere(request)
        if request.method != "POST":
            return self.refuse(request, errors.WrongVerb("POST"))
        try:
            read, refused = self.polls.read(request.body), None
        except errors.Malformed as unreadable:
            return Reply(500, HEADERS, vim_soap.write_unreadable(unreadable))
        except Unread as error:
            read, refused = error.request, error.error
        identity = request_id.adopt(read.operation_id) if read.operation_id else ""
        if refused is None:
            version = api_version.of_action(request.header("soapaction"))
            answer = await self._calls.run(request, read, version)
            reply = _reply(read, answer, secure=request.secure)
        else:
            reply = _fault(self._calls.refuse(refused, read))
        if identity:
            reply.headers = (*reply.headers, ("x-request-id", identity))
        return reply

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen."""
        return _fault(self._calls.refuse(error, VimRequest()))

    def refuse_read(
        self, read: VimRequest, error: errors.SessionGateError, session: Session | None
    ) -> Reply:
        """The reply for an error about a request that was read, in its session's language."""
        return _fault(self._calls.refuse(error, read, session))


def _reply(read: VimRequest, answer: Outcome | FaultReply, *, secure: bool) -> Reply:
    if isinstance(answer, FaultReply):
        return _fault(answer)
    headers = [*HEADERS]
    if answer.token is not None:
        headers.append(("set-cookie", _cookie(answer.token, secure=secure)))
    body = vim_soap.write_result(read.call, answer.value, read.namespace)
    return Reply(200, tuple(headers), body, undelivered=answer.undelivered)


def _fault(refusal: FaultReply) -> Reply:
    """A fault, by HTTP 500 but for wrong verbs (405), caps and outages (503)."""
    fault = refusal.fault
    headers = (*HEADERS, *refusal.headers)
    return Reply(fault.status, headers, vim_soap.write_fault(fault))


def _cookie(token: Secret, *, secure: bool) -> str:
    end = "Secure; " if secure else ""
    return f'{SOAP_COOKIE}="{token.reveal()}"; Path=/; HttpOnly; {end}'


async def service_versions_reply(request: Request) -> Reply:
    """Answer `GET /sdk/vimServiceVersions.xml`, for anybody."""
    if request.method not in ("GET", "HEAD"):
        return Reply(405, (("allow", "GET, HEAD"),))
    return Reply(200, (_XML,), service_versions.document())
