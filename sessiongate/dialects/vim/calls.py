"""What the endpoints of VI/JSON and SOAP share: from a call that a codec has read to its outcome.

The codecs read requests and write replies. Here the session is looked up, the call is run, and a
refusal becomes a fault in the language of whoever asked.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import caller, client_of
from sessiongate.dialects.vim.session_manager import Context, Outcome, VirtualCenter
from sessiongate.http.message import Request
from sessiongate.rules.locale import choose, message_locale
from sessiongate.secret import Secret
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire import basic
from sessiongate.wire.vim import login_token as tokens
from sessiongate.wire.vim.faults import Fault, fault_of
from sessiongate.wire.vim.methods import Call, Method
from sessiongate.wire.vim.types import MoRef

_BY_TICKET = frozenset({"AcquireLocalTicket", "Login"})
"""Methods to which it matters whether the caller is on this host."""


_LOGIN = "Login"
"""How the methods begin that let somebody in by what they state. A ticket states nobody."""


class Asked(msgspec.Struct):
    """What is known of a request so far. A refusal names no more than has been read by then."""

    target: MoRef | None = None
    call: Call | None = None
    arguments: Mapping[str, Any] = {}
    caller: Session | None = None
    identity: str = ""
    """What the client calls this request in its own log, to be given back."""


class Calls:
    """Runs the calls of one dialect."""

    def __init__(
        self,
        sessions: Sessions,
        bearers: Bearers,
        center: VirtualCenter,
        dialect: str,
        carriers: frozenset[str],
    ) -> None:
        self._sessions = sessions
        self._bearers = bearers
        self._center = center
        self._dialect = dialect
        self._carriers = carriers

    async def run(
        self,
        request: Request,
        asked: Asked,
        call: Call,
        inside: Iterable[tuple[str, str]] = (),
        document: bytes | None = None,
    ) -> Outcome:
        """Run a call for whoever's session the request carries, which is then `asked.caller`.

        `inside` are carriers that the codec found in the body. `document` is the body, where a
        SAML assertion stands in it.
        """
        asked.caller = await caller(request, self._sessions, self._bearers, self._carriers, inside)
        by_token = call.member.name == tokens.METHOD
        beside = tokens.presented(request.headers, document) if by_token else None
        if call.member.name.startswith(_LOGIN):
            basic.only(request.all("authorization"), _stated(asked.arguments))
        by_ticket = call.member.name in _BY_TICKET
        client = client_of(request, self._dialect, local=by_ticket)
        context = Context(client, asked.caller, beside)
        if isinstance(call.member, Method):
            return await self._center.call(context, call.member, asked.arguments)
        return Outcome(await self._center.read(context, call.member))

    def fault(self, error: errors.SessionGateError | None, asked: Asked) -> Fault:
        """The fault for an error, None standing for one that we did not expect."""
        privilege = asked.call.member.privilege if asked.call is not None else ""
        return fault_of(error, asked.target, privilege, self._locale(asked))

    def _locale(self, asked: Asked) -> str:
        """Whose language a fault speaks: the session's, else the one asked for at login."""
        if asked.caller is not None:
            return asked.caller.message_locale
        wanted = asked.arguments.get("locale")
        default = self._sessions.default_locale
        try:
            return message_locale(choose(wanted if isinstance(wanted, str) else None, default))
        except errors.InvalidLocale:
            return message_locale(default)


def _stated(arguments: Mapping[str, Any]) -> tuple[str, Secret] | None:
    """Name and password in the arguments of a login; None where they are of another kind."""
    name, password = arguments.get("user_name"), arguments.get("password")
    return (name, password) if isinstance(name, str) and isinstance(password, Secret) else None
