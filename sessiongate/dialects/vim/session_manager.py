"""vSphere's SessionManager and the two objects that clients need around it, for every codec.

`vim.methods` says which method needs which privilege and which function here does the work; this
file is those functions. Codecs read the request before and write the value after.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from sessiongate import errors
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import NoPermission, NoSession, SessionGateError
from sessiongate.messages import CATALOGUES
from sessiongate.rules import locale as locales
from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.secret import Secret
from sessiongate.service.extension_login import Extensions
from sessiongate.service.impersonation import Impersonation
from sessiongate.service.local_ticket_login import LocalLogin
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.service.tickets import Tickets
from sessiongate.service.token_login import TokenLogin
from sessiongate.session import Client, Ended, PresentedToken, Principal, Session
from sessiongate.store.port import NoticeStore
from sessiongate.wire.vim.faults import fault_of
from sessiongate.wire.vim.methods import (
    OBJECTS,
    PROPERTIES,
    PROPERTY_COLLECTOR,
    ROOT_FOLDER,
    SESSION_MANAGER,
    Method,
    Property,
)
from sessiongate.wire.vim.types import Boxed, Data, MoRef, Value
from sessiongate.wire.vim.user_session import user_session

# The global message is shown in one line of a client's window.
_LONGEST_MESSAGE = 4096

# One request may read so much. There are four objects and a few dozen paths, and each object named
# once more repeats all of its lists: 280 kB of such names were answered by 58 MB, to anybody.
_MOST_OBJECTS = 8
_MOST_PATHS = 100


class Context(msgspec.Struct, frozen=True):
    """Who calls, from where. `caller` is None without a live session."""

    client: Client
    caller: Session | None
    token: PresentedToken | None = None
    """What a LoginByToken carries beside its arguments."""


class Outcome(msgspec.Struct, frozen=True):
    """What a call gave. `token` only when it opened a session."""

    value: Value | None
    token: Secret | None = None
    undelivered: Callable[[], None] | None = None
    """As in `Opened`, when it opened a session."""


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


class VirtualCenter:
    """The managed objects that exist here, as functions."""

    def __init__(
        self,
        sessions: Sessions,
        ways: WaysIn,
        notices: NoticeStore,
        clock: Clock,
        journal: Journal,
        *,
        about: Data,
    ) -> None:
        self._sessions = sessions
        self._logins = ways.logins
        self._local = ways.local
        self._extensions = ways.extensions
        self._tokens = ways.tokens
        self._tickets = ways.tickets
        self._impersonation = ways.impersonation
        self._notices = notices
        self._clock = clock
        self._journal = journal
        self._about = about
        self._provider = ways.provider

    async def call(self, context: Context, method: Method, arguments: Mapping[str, Any]) -> Outcome:
        """Run a method: authenticated, then allowed, then done."""
        self._permit(context, method.name, method.privilege)
        result = await getattr(self, method.handler)(context, **arguments)
        if isinstance(result, Opened):
            return Outcome(user_session(result.session), result.token, result.undelivered)
        return Outcome(result)

    async def read(self, context: Context, prop: Property) -> Value | None:
        """The value of a property, None where it is unset."""
        self._permit(context, prop.name, prop.privilege, prop.also)
        value: Value | None = await getattr(self, prop.handler)(context)
        return value

    def _permit(self, context: Context, what: str, privilege: str, also: str = "") -> None:
        if privilege == SYSTEM_ANONYMOUS:
            return
        if context.caller is None:
            raise NoSession(f"{what} needs a session")
        held = self._sessions.privileges(context.caller)
        if privilege not in held and (not also or also not in held):
            self._journal.denied(context.caller, what, privilege)
            raise NoPermission(privilege)

    # SessionManager: ways in

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
            _caller(context), user_name, context.client, locale
        )

    async def _require_no_session(self, context: Context, how: str) -> None:
        if context.caller is not None:
            error = errors.AlreadyLoggedIn("the request carries a live session")
            shown = Principal.of(context.caller)
            await self._journal.refused(how, shown.name, context.client, error, shown=shown)
            raise error

    # SessionManager: the caller's own session

    async def logout(self, context: Context) -> None:
        await self._sessions.end(_caller(context).key, Ended.LOGOUT)

    async def set_locale(self, context: Context, locale: str) -> None:
        await self._sessions.set_locale(_caller(context), self._logins.locale_of(locale))

    async def acquire_clone_ticket(self, context: Context) -> str:
        return (await self._tickets.clone_ticket(_caller(context))).reveal()

    async def acquire_generic_service_ticket(self, context: Context, spec: Data) -> Data:
        ticket = await self._tickets.service_ticket(_caller(context))
        return Data(
            "SessionManagerGenericServiceTicket",
            {"id": ticket.reveal(), "hostName": self._tickets.host},
        )

    async def acquire_local_ticket(self, context: Context, user_name: str) -> Data:
        path = await self._local.issue(user_name, context.client)
        return Data("SessionManagerLocalTicket", {"userName": user_name, "passwordFilePath": path})

    # SessionManager: all sessions

    async def session_is_active(self, context: Context, session_id: str, user_name: str) -> bool:
        session = await self._sessions.find(session_id)
        if session is None:
            return False
        # As we said it ourselves, or as it was typed at that login: no directory need be asked, and
        # some cannot be asked which names are one person.
        if user_name in (session.user_name, session.login_name):
            return True
        try:
            wanted = await self._logins.person(user_name, session.provider)
        except errors.BadCredentials:  # not a name at all, so nobody's session
            return False
        return wanted.name == session.principal

    async def terminate_session(self, context: Context, session_id: Sequence[str]) -> None:
        caller = _caller(context)
        for key in session_id:
            if key == caller.key:
                raise errors.InvalidArgument("sessionId", "a session cannot terminate itself")
            if not await self._sessions.end(key, Ended.TERMINATED, by=caller.principal):
                raise errors.NotFound("no live session of that key")

    async def update_service_message(self, context: Context, message: str) -> None:
        if len(message) > _LONGEST_MESSAGE:
            raise errors.InvalidArgument("message", f"longer than {_LONGEST_MESSAGE} characters")
        await self._notices.set_message(message)
        self._journal.acted(_caller(context), "service message changed")

    # The properties of SessionManager

    async def current_session(self, context: Context) -> Data | None:
        return user_session(context.caller) if context.caller is not None else None

    async def session_list(self, context: Context) -> list[Data]:
        return [user_session(session) async for session in self._sessions.list()]

    async def message(self, context: Context) -> str | None:
        return await self._notices.message() or None

    async def message_locale_list(self, context: Context) -> list[str]:
        return list(CATALOGUES)

    async def supported_locale_list(self, context: Context) -> list[str]:
        return list(locales.SUPPORTED)

    async def default_locale(self, context: Context) -> str:
        return self._logins.locale_of(None)

    # ServiceInstance, Folder

    async def content(self, context: Context) -> Data:
        return Data(
            "ServiceContent",
            {
                "rootFolder": ROOT_FOLDER,
                "propertyCollector": PROPERTY_COLLECTOR,
                "about": self._about,
                "sessionManager": SESSION_MANAGER,
            },
        )

    async def current_time(self, context: Context) -> Value:
        return self._clock.now()

    async def folder_name(self, context: Context) -> str:
        return "Datacenters"

    # PropertyCollector

    async def retrieve_properties_ex(
        self, context: Context, spec_set: Sequence[Data], options: Data | None = None
    ) -> Data | None:
        objects = await self._retrieve(context, spec_set)
        return Data("RetrieveResult", {"objects": objects}) if objects else None

    async def retrieve_properties(self, context: Context, spec_set: Sequence[Data]) -> list[Value]:
        return await self._retrieve(context, spec_set)

    async def _retrieve(self, context: Context, spec_set: Sequence[Data]) -> list[Value]:
        found: list[Value] = []
        for spec in spec_set:
            wanted: Any = spec.members.get("propSet", ())
            holders: Any = spec.members.get("objectSet", ())
            for holder in holders:
                target: MoRef = holder.members["obj"]
                if OBJECTS.get(target.kind) != target:
                    raise errors.UnknownObject(target.kind, target.name)
                of_kind = [one for one in wanted if one.members["type"] == target.kind]
                if of_kind and not holder.members.get("skip"):
                    if len(found) == _MOST_OBJECTS:
                        raise errors.InvalidArgument(
                            "specSet", f"more than {_MOST_OBJECTS} objects in one request"
                        )
                    found.append(await self._content(context, target, of_kind))
        return found

    async def _content(self, context: Context, target: MoRef, wanted: Sequence[Data]) -> Data:
        shown: list[Value] = []
        missing: list[Value] = []
        for path in _paths(target, wanted):
            prop, rest = _property(target, path)
            try:
                value = _inside(await self.read(context, prop), rest, path)
            except (NoSession, NoPermission) as error:
                missing.append(_missing(path, error, prop, target, context))
                continue
            if value is not None:
                boxed = _boxed(value, prop, rest)
                shown.append(Data("DynamicProperty", {"name": path, "val": boxed}))
        members: dict[str, Value] = {"obj": target}
        if shown:
            members["propSet"] = shown
        if missing:
            members["missingSet"] = missing
        return Data("ObjectContent", members)


def _caller(context: Context) -> Session:
    if context.caller is None:
        raise NoSession("this call needs a session")
    return context.caller


def _paths(target: MoRef, wanted: Sequence[Data]) -> list[str]:
    paths: dict[str, None] = {}
    for one in wanted:
        asked: Any = one.members.get("pathSet", ())
        if one.members.get("all"):
            asked = [name for kind, name in PROPERTIES if kind == target.kind]
        paths.update(dict.fromkeys(asked))
    if len(paths) > _MOST_PATHS:
        raise errors.InvalidArgument("pathSet", f"more than {_MOST_PATHS} paths of one object")
    return list(paths)


def _property(target: MoRef, path: str) -> tuple[Property, list[str]]:
    name, *rest = path.split(".")
    prop = PROPERTIES.get((target.kind, name))
    if prop is None:
        raise errors.UnknownProperty(path)
    return prop, rest


def _inside(value: Value | None, rest: Sequence[str], path: str) -> Value | None:
    """Follow a dotted path (`content.about.version`) into data objects."""
    for name in rest:
        if value is None:
            return None
        if not isinstance(value, Data):
            raise errors.UnknownProperty(path)
        value = value.members.get(name)
    return value


def _boxed(value: Value, prop: Property, rest: Sequence[str]) -> Boxed:
    if not rest:
        return Boxed(prop.field.type, value, prop.field.array)
    kind = value.type if isinstance(value, Data) else _PRIMITIVES.get(type(value), "string")
    return Boxed(kind, value)


_PRIMITIVES: Mapping[type, str] = {str: "string", bool: "boolean", int: "long"}


def _missing(
    path: str, error: SessionGateError, prop: Property, target: MoRef, context: Context
) -> Data:
    locale = context.caller.message_locale if context.caller is not None else "en"
    fault = fault_of(error, target, prop.privilege, locale)
    localized = Data("LocalizedMethodFault", {"fault": fault.data, "localizedMessage": ""})
    return Data("MissingProperty", {"path": path, "fault": localized})
