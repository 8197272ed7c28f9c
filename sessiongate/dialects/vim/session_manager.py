"""vSphere's SessionManager, for every codec.

`wire.vim.methods` says which method needs which privilege and which function here does the work;
this file is those functions. Codecs read the request before and write the value after.
"""

from collections.abc import Mapping, Sequence

import msgspec

from sessiongate import errors
from sessiongate.audit.journal import MESSAGE_CHANGED, Journal
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.gateway.calls.tickets import UpstreamTickets
from sessiongate.messages import CATALOGUES
from sessiongate.rules import locale as locales
from sessiongate.secret import Secret
from sessiongate.service.extension_login import Extensions
from sessiongate.service.impersonation import Impersonation
from sessiongate.service.local_ticket_login import LocalLogin
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened, Sessions, acting
from sessiongate.service.tickets import Tickets
from sessiongate.service.token_login import TokenLogin
from sessiongate.session import Ended, Principal, Session
from sessiongate.store.port import NoticeStore
from sessiongate.wire.vim.types import Data
from sessiongate.wire.vim.user_session import user_session

# The global message is shown in one line of a client's window.
_LONGEST_MESSAGE = 4096


class WaysIn(msgspec.Struct, frozen=True):
    """The services behind the methods that open a session.

    `provider` is that of names without a domain of their own.
    """

    provider: str
    logins: Logins
    local: LocalLogin
    extensions: Extensions
    tokens: TokenLogin
    tickets: Tickets
    impersonation: Impersonation
    upstream_tickets: Mapping[str, UpstreamTickets] = {}
    """Those of each upstream, by its name."""


class SessionManager(ManagedObject):
    """Its methods and properties, by the names of their handlers."""

    def __init__(
        self,
        sessions: Sessions,
        ways: WaysIn,
        notices: NoticeStore,
        journal: Journal,
    ) -> None:
        self._sessions = sessions
        self._logins = ways.logins
        self._local = ways.local
        self._extensions = ways.extensions
        self._tokens = ways.tokens
        self._tickets = ways.tickets
        self._impersonation = ways.impersonation
        self._upstream_tickets = ways.upstream_tickets
        self._notices = notices
        self._journal = journal
        self._provider = ways.provider

    # Ways in

    async def login(
        self, context: Context, user_name: str, password: Secret, locale: str | None = None
    ) -> Opened:
        await self._require_no_session(context, "login")
        local = await self._local.redeem(user_name, password, context.client, locale)
        if local is not None:
            return local
        return await self._logins.login(
            user_name, password, context.client, locale=locale, default=self._provider
        )

    async def login_by_token(self, context: Context, locale: str | None = None) -> Opened:
        await self._require_no_session(context, "token")
        return await self._tokens.login(context.token, context.client, locale)

    async def login_by_sspi(
        self, context: Context, base64_token: Secret, locale: str | None = None
    ) -> Opened:
        raise errors.NotSupported("Windows security tokens are not taken here")

    async def login_extension(
        self,
        context: Context,
        extension_key: str,
        base64_signed_credentials: Secret,
        locale: str | None = None,
    ) -> Opened:
        raise errors.NotSupported("withdrawn since vSphere 5.0")

    async def login_extension_by_certificate(
        self, context: Context, extension_key: str, locale: str | None = None
    ) -> Opened:
        await self._require_no_session(context, "extension")
        return await self._extensions.login(extension_key, context.client, locale)

    async def login_extension_by_subject_name(
        self, context: Context, extension_key: str, locale: str | None = None
    ) -> Opened:
        await self._require_no_session(context, "extension")
        return await self._extensions.login(
            extension_key, context.client, locale, by_subject_name=True
        )

    async def clone_session(self, context: Context, clone_ticket: Secret) -> Opened:
        await self._require_no_session(context, "clone")
        return await self._tickets.clone(clone_ticket, context.client)

    async def impersonate_user(
        self, context: Context, user_name: str, locale: str | None = None
    ) -> Opened:
        return await self._impersonation.impersonate(
            context.known_caller, user_name, context.client, locale
        )

    async def _require_no_session(self, context: Context, how: str) -> None:
        if context.caller is not None:
            error = errors.AlreadyLoggedIn("the request carries a live session")
            shown = Principal.of(context.caller)
            await self._journal.refused(how, shown.name, context.client, error, shown=shown)
            raise error

    # The caller's own session

    async def logout(self, context: Context) -> None:
        await self._sessions.end(context.known_caller.key, Ended.LOGOUT)

    async def set_locale(self, context: Context, locale: str) -> None:
        await self._sessions.set_locale(context.known_caller, self._logins.locale_of(locale))

    async def acquire_clone_ticket(self, context: Context) -> str:
        theirs = self._upstream_tickets.get(context.client.upstream)
        handed = theirs if theirs is not None and theirs.hands_out_sessions else self._tickets
        return (await handed.clone_ticket(context.known_caller)).reveal()

    async def acquire_generic_service_ticket(self, context: Context, spec: Data) -> Data:
        theirs = self._upstream_tickets.get(context.client.upstream)
        if theirs is not None:
            return await theirs.service_ticket(context.known_caller, spec)
        ticket = await self._tickets.service_ticket(context.known_caller)
        return Data(
            "SessionManagerGenericServiceTicket",
            {"id": ticket.reveal(), "hostName": self._tickets.host},
        )

    async def acquire_local_ticket(self, context: Context, user_name: str) -> Data:
        path = await self._local.issue(user_name, context.client)
        return Data("SessionManagerLocalTicket", {"userName": user_name, "passwordFilePath": path})

    # All sessions

    async def session_is_active(self, context: Context, session_id: str, user_name: str) -> bool:
        session = await self._sessions.find(session_id)
        if session is None or not _shows(context, session):
            return False
        # As we said it ourselves, or as it was typed at that login: no directory need be asked, and
        # some cannot be asked which names are one person.
        if user_name in (session.user_name, session.login_name):
            return True
        try:
            wanted = await self._logins.person(
                user_name, session.provider, upstream=session.upstream
            )
        except errors.BadCredentials:  # not a name at all, so nobody's session
            return False
        return wanted.name == session.principal

    async def terminate_session(self, context: Context, session_id: Sequence[str]) -> None:
        caller = context.known_caller
        for key in session_id:
            if key == caller.key:
                raise errors.InvalidArgument("sessionId", "a session cannot terminate itself")
            session = await self._sessions.find(key)
            if session is None or not (
                _shows(context, session)
                and await self._sessions.end(
                    key, Ended.TERMINATED, caller.principal, acting(caller)
                )
            ):
                raise errors.NotFound("no live session of that key")

    async def update_service_message(self, context: Context, message: str) -> None:
        if len(message) > _LONGEST_MESSAGE:
            raise errors.InvalidArgument("message", f"longer than {_LONGEST_MESSAGE} characters")
        await self._notices.set_message(message)
        self._journal.acted(context.known_caller, MESSAGE_CHANGED)

    # Properties

    async def current_session(self, context: Context) -> Data | None:
        return user_session(context.caller) if context.caller is not None else None

    async def session_list(self, context: Context) -> list[Data]:
        return [
            user_session(session)
            async for session in self._sessions.list()
            if _shows(context, session)
        ]

    async def message(self, context: Context) -> str | None:
        return await self._notices.message() or None

    async def message_locale_list(self, context: Context) -> list[str]:
        return list(CATALOGUES)

    async def supported_locale_list(self, context: Context) -> list[str]:
        return list(locales.SUPPORTED)

    async def default_locale(self, context: Context) -> str:
        return self._logins.locale_of(None)


def _shows(context: Context, session: Session) -> bool:
    """Whether a session is one of those here: at the Host of an upstream, those for that one."""
    return context.client.upstream in ("", session.upstream)
