"""Endpoint of SOAP at `/sdk`, and of the list of versions beside it.

The session travels in one cookie, set only by the replies that open a session and exactly as a
vCenter sets it: pyVmomi sends the attributes back with the value, keeps whatever Set-Cookie came
last, and joins two into one. So there is no SameSite here (no browser is served on this path; the
cookie opens nothing by GET) and never a Domain. `Secure` is left out where the request came by
plain HTTP, since Go's cookie jar would then not send the cookie back.
"""

from collections.abc import Iterable

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.vim.calls import Asked, Calls
from sessiongate.dialects.vim.parsed_requests import Polls
from sessiongate.dialects.vim.session_manager import VirtualCenter
from sessiongate.http import router as routes
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.telemetry import request_id
from sessiongate.wire.carriers import SOAP_COOKIE, VC_COOKIE
from sessiongate.wire.vim import service_versions
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.methods import Call, Method

DIALECT = "soap"
_CARRIERS = frozenset({f"cookie:{SOAP_COOKIE}", VC_COOKIE})
_XML = ("content-type", "text/xml; charset=utf-8")
_NO_CACHE = ("cache-control", "no-cache")


class VimSoapEndpoint:
    """Answers `/sdk`, `/sdk/` and `/sdk/vimService`."""

    def __init__(self, sessions: Sessions, bearers: Bearers, center: VirtualCenter) -> None:
        self._calls = Calls(sessions, bearers, center, DIALECT, _CARRIERS)
        self.polls = Polls()

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a SOAP fault."""
        if request.path not in vim_soap.PATHS:
            return await routes.nowhere(request)
        asked = Asked()
        try:
            if request.method != "POST":
                raise errors.WrongVerb("POST")
            known = self.polls.recall(request.body)
            if known is not None:
                asked, call = known
                return await self._run(request, asked, call)
            try:
                message = vim_soap.read_envelope(request.body)
            except errors.Malformed as unreadable:
                return Reply(500, (_XML, _NO_CACHE), vim_soap.write_unreadable(unreadable))
            reply = await self._answer(request, message, asked)
        except errors.SessionGateError as error:
            reply = self._fault(error, asked)
        if asked.identity:
            reply.headers = (*reply.headers, ("x-request-id", asked.identity))
        return reply

    async def _answer(self, request: Request, message: vim_soap.Message, asked: Asked) -> Reply:
        if message.operation_id:
            asked.identity = request_id.adopt(message.operation_id)
        asked.target = vim_soap.read_target(message.call)
        call = asked.call = vim_soap.read_call(message.call, asked.target)
        if isinstance(call.member, Method):
            asked.arguments = vim_soap.read_arguments(call.member, message.call)
        document = request.body if message.asserted else None
        reply = await self._run(request, asked, call, message.carriers, document)
        self.polls.keep(request.body, message, asked)
        return reply

    async def _run(
        self,
        request: Request,
        asked: Asked,
        call: Call,
        carriers: Iterable[tuple[str, str]] = (),
        document: bytes | None = None,
    ) -> Reply:
        outcome = await self._calls.run(request, asked, call, carriers, document)
        headers = [_XML, _NO_CACHE]
        if outcome.token is not None:
            headers.append(("set-cookie", _cookie(outcome.token, secure=request.secure)))
        body = vim_soap.write_result(call, outcome.value)
        return Reply(200, tuple(headers), body, undelivered=outcome.undelivered)

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen."""
        return self._fault(error, Asked())

    def _fault(self, error: errors.SessionGateError | None, asked: Asked) -> Reply:
        """A fault, by HTTP 500 but for wrong verbs (405), caps and outages (503)."""
        fault = self._calls.fault(error, asked)
        headers = (_XML, _NO_CACHE, *extra_headers(error))
        return Reply(fault.status, headers, vim_soap.write_fault(fault))


def _cookie(token: Secret, *, secure: bool) -> str:
    end = "Secure; " if secure else ""
    return f'{SOAP_COOKIE}="{token.reveal()}"; Path=/; HttpOnly; {end}'


async def service_versions_reply(request: Request) -> Reply:
    """Answer `GET /sdk/vimServiceVersions.xml`, for anybody."""
    if request.method not in ("GET", "HEAD"):
        return Reply(405, (("allow", "GET, HEAD"),))
    return Reply(200, (_XML,), service_versions.document())
