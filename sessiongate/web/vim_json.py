"""Endpoint of VI/JSON."""

from collections.abc import Mapping
from typing import Any

from sessiongate import errors
from sessiongate.rules.locale import choose, message_locale
from sessiongate.service.sessions import Sessions
from sessiongate.service.virtual_center import Context, Outcome, VirtualCenter
from sessiongate.session import Session
from sessiongate.vim.faults import fault_of
from sessiongate.vim.methods import Method
from sessiongate.vim.types import MoRef
from sessiongate.web.client import client_of
from sessiongate.web.http import Reply, Request
from sessiongate.wire import vim_json
from sessiongate.wire.carriers import VMWARE_HEADER, token_in

DIALECT = "vi-json"
_CARRIERS = frozenset({VMWARE_HEADER})
_JSON = ("content-type", "application/json")
_FOREIGN = frozenset({"PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"})


class VimJsonEndpoint:
    """Answers everything below `/sdk/vim25/`."""

    def __init__(self, sessions: Sessions, center: VirtualCenter) -> None:
        self._sessions = sessions
        self._center = center

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a vim fault, as JSON."""
        target, privilege, caller = None, "", None
        arguments: Mapping[str, Any] = {}
        try:
            if request.method in _FOREIGN:
                raise errors.WrongVerb("GET", "POST")
            target, name = vim_json.read_path(request.path)
            call = vim_json.read_call(request.method, target, name)
            privilege = call.member.privilege
            if isinstance(call.member, Method):
                arguments = vim_json.read_arguments(call.member, request.body)
            token = token_in(request.headers, _CARRIERS)
            caller = await self._sessions.check(token) if token is not None else None
            context = Context(client_of(request, DIALECT), caller)
            if isinstance(call.member, Method):
                outcome = await self._center.call(context, call.member, arguments)
                return _result(call.member, outcome)
            value = await self._center.read(context, call.member)
            return Reply(200, (_JSON,), vim_json.write_result(value))
        except errors.SessionGateError as error:
            locale = _locale(caller, arguments, self._sessions.default_locale)
            return fault_reply(error, target, privilege, locale)

    def unforeseen(self, request: Request) -> Reply:
        """The reply for an error that we did not expect."""
        return fault_reply(None, None, "", self._sessions.default_locale)


def _result(method: Method, outcome: Outcome) -> Reply:
    if method.result is None:
        return Reply(204)
    headers = [_JSON]
    if outcome.token is not None:
        headers.append((vim_json.SESSION_HEADER, outcome.token.reveal()))
    return Reply(200, tuple(headers), vim_json.write_result(outcome.value))


def _locale(caller: Session | None, arguments: Mapping[str, Any], default: str) -> str:
    """Whose language a fault speaks: the session's, else the one asked for at login."""
    if caller is not None:
        return caller.message_locale
    asked = arguments.get("locale")
    try:
        return message_locale(choose(asked if isinstance(asked, str) else None, default))
    except errors.InvalidLocale:
        return message_locale(default)


def fault_reply(
    error: errors.SessionGateError | None, target: MoRef | None, privilege: str, locale: str
) -> Reply:
    """A fault as VI/JSON sends it: HTTP 500 but for wrong verbs (405) and outages (503)."""
    fault = fault_of(error, target, privilege, locale)
    headers = [_JSON]
    if isinstance(error, errors.WrongVerb):
        headers.append(("allow", ", ".join(error.allowed)))
    if isinstance(error, errors.Unavailable):
        headers.append(("retry-after", str(error.retry_after)))
    return Reply(fault.status, tuple(headers), vim_json.write_fault(fault))
