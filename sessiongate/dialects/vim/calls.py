"""What VI/JSON and SOAP share: from a request that a codec has read to its outcome.

The codecs read requests and write replies. Here the session is looked up, the call is run, and a
refusal becomes a fault in the language of whoever asked.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import caller, client_of
from sessiongate.dialects.vim.center import VirtualCenter
from sessiongate.dialects.vim.context import Context, Outcome
from sessiongate.http.message import Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.rules.locale import message_locale
from sessiongate.secret import Secret
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire import basic
from sessiongate.wire.vim import login_token as tokens
from sessiongate.wire.vim.api_version import NEWEST_MEMBER, trimmed
from sessiongate.wire.vim.faults import Fault, fault_of
from sessiongate.wire.vim.methods import Method
from sessiongate.wire.vim.request import VimRequest
from sessiongate.wire.vim.types import ApiVersion

_BY_TICKET = frozenset({"AcquireLocalTicket", "Login"})
"""Methods to which it matters whether the caller is on this host."""


_LOGIN = "Login"
"""How the methods begin that let somebody in by what they state. A ticket states nobody."""


class FaultReply(msgspec.Struct, frozen=True):
    """A call that was refused: the fault to be written, and the headers beside it."""

    fault: Fault
    headers: tuple[tuple[str, str], ...]


class Calls:
    """Runs the calls of one dialect."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        bearers: Bearers,
        center: VirtualCenter,
        dialect: str,
        carriers: frozenset[str],
        answered: Callable[[VimRequest], None] | None = None,
    ) -> None:
        """`answered` is told of each request that was not refused, of a live session or for one."""
        self._sessions = sessions
        self._logins = logins
        self._bearers = bearers
        self._center = center
        self._dialect = dialect
        self._carriers = carriers
        self._answered = answered

    async def run(
        self, request: Request, read: VimRequest, version: ApiVersion
    ) -> Outcome | FaultReply:
        """Run a call, which a codec has read, for whoever's session the request carries.

        The outcome holds no member that this version of the API lacks.
        """
        session = None
        token = None
        try:
            member = read.call.member
            session = await caller(
                request, self._sessions, self._bearers, self._carriers, read.carriers
            )
            if member.name.startswith(_LOGIN):
                basic.require_same_credential(request.all("authorization"), _stated(read.arguments))
                if member.name == tokens.METHOD:
                    document = read.body if read.asserted else None
                    token = tokens.presented(request.headers, document)
            client = client_of(request, self._dialect, local=member.name in _BY_TICKET)
            context = Context(
                client,
                session,
                token,
                read.call.target,
                version,
                member.name,
                len(read.body),
                request.when_gone,
            )
            if isinstance(member, Method):
                outcome = await self._center.call(context, member, read.arguments)
            else:
                outcome = Outcome(await self._center.read(context, member))
            if version < NEWEST_MEMBER and outcome.value is not None:
                shown = trimmed(outcome.value, version)
                outcome = msgspec.structs.replace(outcome, value=shown)
        except errors.SessionGateError as error:
            return self.refuse(error, read, session)
        if self._answered is not None and (session is not None or outcome.token is not None):
            self._answered(read)
        return outcome

    def refuse(
        self,
        error: errors.SessionGateError | None,
        read: VimRequest,
        session: Session | None = None,
    ) -> FaultReply:
        """The refusal for an error, None standing for one that we did not expect."""
        privilege = read.ours.member.privilege if read.ours is not None else ""
        fault = fault_of(error, read.target, privilege, self._locale(read, session))
        return FaultReply(fault, tuple(extra_headers(error)))

    def _locale(self, read: VimRequest, session: Session | None) -> str:
        """Whose language a fault speaks: the session's, else the one asked for at login."""
        if session is not None:
            return session.message_locale
        wanted = read.arguments.get("locale")
        try:
            locale = self._logins.locale_of(wanted if isinstance(wanted, str) else None)
        except errors.InvalidLocale:
            locale = self._logins.locale_of(None)
        return message_locale(locale)


def _stated(arguments: Mapping[str, Any]) -> tuple[str, Secret] | None:
    """Name and password in the arguments of a login; None where they are of another kind."""
    name, password = arguments.get("user_name"), arguments.get("password")
    return (name, password) if isinstance(name, str) and isinstance(password, Secret) else None
