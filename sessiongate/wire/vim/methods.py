"""The methods and properties that this server has: one table for every codec and every document.

Privileges and declared faults are those of the vendor's API pages. `handler` is the name of the
function of `service.virtual_center.VirtualCenter` that does the work; a test walks both sides.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from sessiongate.rules.access import (
    GLOBAL_MESSAGE,
    IMPERSONATE_USER,
    LIST_SESSIONS,
    SYSTEM_ANONYMOUS,
    SYSTEM_VIEW,
    TERMINATE_SESSION,
    VALIDATE_SESSION,
)
from sessiongate.wire.vim.types import Field, MoRef

SERVICE_INSTANCE = MoRef("ServiceInstance", "ServiceInstance")
SESSION_MANAGER = MoRef("SessionManager", "SessionManager")
PROPERTY_COLLECTOR = MoRef("PropertyCollector", "propertyCollector")
ROOT_FOLDER = MoRef("Folder", "group-d1")

OBJECTS: Mapping[str, MoRef] = {
    mo.kind: mo for mo in (SERVICE_INSTANCE, SESSION_MANAGER, PROPERTY_COLLECTOR, ROOT_FOLDER)
}
"""The one managed object of each type that exists here."""


class Method(msgspec.Struct, frozen=True):
    """A method of a managed object."""

    on: str
    name: str
    params: tuple[Field, ...]
    result: Field | None
    """None for a void method. Its `optional` says that nothing at all may come back."""
    privilege: str
    faults: tuple[str, ...]
    handler: str
    about: str
    opens: bool = False
    """Whether a successful call opens a session, so that its reply carries a token."""


class Property(msgspec.Struct, frozen=True):
    """A property of a managed object."""

    on: str
    name: str
    field: Field
    privilege: str
    handler: str
    about: str
    also: str = ""
    """A privilege of our own that is enough as well."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """A method or property of an object that exists here, as some codec's request names it."""

    target: MoRef
    member: Method | Property


@cache
def keyword(name: str) -> str:
    """The handler's keyword for a parameter: `sessionID` -> `session_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _string(name: str, about: str = "", *, optional: bool = False, array: bool = False) -> Field:
    return Field(name, "string", optional=optional, array=array, about=about)


_LOCALE = _string("locale", "Language, or language and country: `en`, `fr_CA`.", optional=True)
_SESSION = Field("returnval", "UserSession")
_LOGIN_FAULTS = ("InvalidLogin", "InvalidLocale", "NoPermission")


def _manager(
    name: str,
    handler: str,
    params: Iterable[Field],
    result: Field | None,
    privilege: str,
    faults: tuple[str, ...],
    about: str,
    *,
    opens: bool = False,
) -> Method:
    return Method(
        "SessionManager", name, tuple(params), result, privilege, faults, handler, about, opens
    )


_METHODS = (
    _manager(
        "Login",
        "login",
        (
            _string("userName", "Who logs in."),
            Field("password", "string", secret=True, about="The account's password."),
            _LOCALE,
        ),
        _SESSION,
        SYSTEM_ANONYMOUS,
        _LOGIN_FAULTS,
        "Log in with a user name and a password.",
        opens=True,
    ),
    _manager(
        "LoginByToken",
        "login_by_token",
        (_LOCALE,),
        _SESSION,
        SYSTEM_ANONYMOUS,
        _LOGIN_FAULTS,
        "Log in with a token that travels outside the body.",
        opens=True,
    ),
    _manager(
        "LoginBySSPI",
        "login_by_sspi",
        (Field("base64Token", "string", secret=True), _LOCALE),
        _SESSION,
        SYSTEM_ANONYMOUS,
        ("SSPIChallenge", *_LOGIN_FAULTS, "NotSupported"),
        "Log in with a Windows security token.",
        opens=True,
    ),
    _manager(
        "LoginExtension",
        "login_extension",
        (_string("extensionKey"), Field("base64SignedCredentials", "string", secret=True), _LOCALE),
        _SESSION,
        SYSTEM_ANONYMOUS,
        ("InvalidLogin", "InvalidLocale", "NotFound", "NotSupported"),
        "Withdrawn by the vendor since 5.0: always NotSupported.",
        opens=True,
    ),
    _manager(
        "LoginExtensionByCertificate",
        "login_extension_by_certificate",
        (_string("extensionKey", "Key of the registered extension."), _LOCALE),
        _SESSION,
        SYSTEM_ANONYMOUS,
        ("NoClientCertificate", "InvalidLogin", "InvalidLocale"),
        "Log in as an extension, by the client certificate of the connection.",
        opens=True,
    ),
    _manager(
        "LoginExtensionBySubjectName",
        "login_extension_by_subject_name",
        (_string("extensionKey", "Key of the registered extension."), _LOCALE),
        _SESSION,
        SYSTEM_ANONYMOUS,
        ("NotFound", "NoClientCertificate", "NoSubjectName", "InvalidLogin", "InvalidLocale"),
        "Log in as an extension, by the subject of the connection's client certificate.",
        opens=True,
    ),
    _manager(
        "ImpersonateUser",
        "impersonate_user",
        (_string("userName", "A user who has a live session."), _LOCALE),
        _SESSION,
        IMPERSONATE_USER,
        ("InvalidLogin", "InvalidLocale", "NoPermission"),
        "Turn the caller's session into one of another user with no more privileges than the"
        " caller has. The reply carries a fresh token; the old one ends.",
        opens=True,
    ),
    _manager("Logout", "logout", (), None, SYSTEM_VIEW, (), "Log out and end the session."),
    _manager(
        "SessionIsActive",
        "session_is_active",
        (
            _string("sessionID", "Key of a session."),
            _string("userName", "The user it should belong to, in any spelling."),
        ),
        Field("returnval", "boolean"),
        VALIDATE_SESSION,
        ("NoPermission",),
        "Whether a session of this key is live and belongs to this user.",
    ),
    _manager(
        "TerminateSession",
        "terminate_session",
        (_string("sessionId", "Keys of the sessions to end, in order.", array=True),),
        None,
        TERMINATE_SESSION,
        ("NotFound", "InvalidArgument", "NoPermission"),
        "End sessions of others. Those ended before a failing key stay ended.",
    ),
    _manager(
        "SetLocale",
        "set_locale",
        (_string("locale", "Language, or language and country."),),
        None,
        SYSTEM_VIEW,
        ("InvalidLocale",),
        "Change the locale of the caller's session.",
    ),
    _manager(
        "UpdateServiceMessage",
        "update_service_message",
        (_string("message", "The new global message."),),
        None,
        GLOBAL_MESSAGE,
        ("NoPermission",),
        "Replace the global message.",
    ),
    _manager(
        "AcquireCloneTicket",
        "acquire_clone_ticket",
        (),
        Field("returnval", "string"),
        SYSTEM_VIEW,
        (),
        "A ticket that opens one session of the same user, once, within a minute.",
    ),
    _manager(
        "CloneSession",
        "clone_session",
        (Field("cloneTicket", "string", secret=True, about="From AcquireCloneTicket."),),
        _SESSION,
        SYSTEM_ANONYMOUS,
        ("InvalidLogin",),
        "Open a session with a clone ticket.",
        opens=True,
    ),
    _manager(
        "AcquireLocalTicket",
        "acquire_local_ticket",
        (_string("userName", "The account to log in as."),),
        Field("returnval", "SessionManagerLocalTicket"),
        SYSTEM_ANONYMOUS,
        ("InvalidLogin", "NoPermission", "NotSupported", "InvalidRequest"),
        "For a caller on the server's own host: a one-time password, in a file that only the"
        " server's own account can read.",
    ),
    _manager(
        "AcquireGenericServiceTicket",
        "acquire_generic_service_ticket",
        (Field("spec", "SessionManagerServiceRequestSpec", about="The request it is to allow."),),
        Field("returnval", "SessionManagerGenericServiceTicket"),
        SYSTEM_ANONYMOUS,
        ("NotAuthenticated",),
        "A single-use ticket for one request to another service. Declared anonymous; the caller"
        " must have a session all the same.",
    ),
    Method(
        "ServiceInstance",
        "RetrieveServiceContent",
        (),
        Field("returnval", "ServiceContent"),
        SYSTEM_ANONYMOUS,
        (),
        "content",
        "What this server is and which objects it has.",
    ),
    Method(
        "ServiceInstance",
        "CurrentTime",
        (),
        Field("returnval", "dateTime"),
        SYSTEM_VIEW,
        (),
        "current_time",
        "The server's time. Clients use it to keep a session alive.",
    ),
    Method(
        "PropertyCollector",
        "RetrievePropertiesEx",
        (
            Field("specSet", "PropertyFilterSpec", array=True, about="Which properties of what."),
            Field("options", "RetrieveOptions", optional=True),
        ),
        Field("returnval", "RetrieveResult", optional=True),
        SYSTEM_ANONYMOUS,
        ("InvalidProperty", "ManagedObjectNotFound"),
        "retrieve_properties_ex",
        "Read properties of several objects; what may not be read comes in missingSet.",
    ),
    Method(
        "PropertyCollector",
        "RetrieveProperties",
        (Field("specSet", "PropertyFilterSpec", array=True, about="Which properties of what."),),
        Field("returnval", "ObjectContent", optional=True, array=True),
        SYSTEM_ANONYMOUS,
        ("InvalidProperty", "ManagedObjectNotFound"),
        "retrieve_properties",
        "The older form of RetrievePropertiesEx: the objects themselves, never paged.",
    ),
)

METHODS: Mapping[tuple[str, str], Method] = {(m.on, m.name): m for m in _METHODS}
"""Every method, by object type and name."""

_PROPERTIES = (
    Property(
        "SessionManager",
        "currentSession",
        Field("currentSession", "UserSession", optional=True),
        SYSTEM_ANONYMOUS,
        "current_session",
        "The caller's session; unset for a caller without one.",
    ),
    Property(
        "SessionManager",
        "sessionList",
        Field("sessionList", "UserSession", optional=True, array=True),
        TERMINATE_SESSION,
        "session_list",
        "All live sessions, by public key.",
        also=LIST_SESSIONS,
    ),
    Property(
        "SessionManager",
        "message",
        _string("message", optional=True),
        SYSTEM_VIEW,
        "message",
        "The global message.",
    ),
    Property(
        "SessionManager",
        "messageLocaleList",
        _string("messageLocaleList", optional=True, array=True),
        SYSTEM_ANONYMOUS,
        "message_locale_list",
        "Locales that messages are translated into.",
    ),
    Property(
        "SessionManager",
        "supportedLocaleList",
        _string("supportedLocaleList", optional=True, array=True),
        SYSTEM_ANONYMOUS,
        "supported_locale_list",
        "Locales that a login may ask for.",
    ),
    Property(
        "SessionManager",
        "defaultLocale",
        _string("defaultLocale"),
        SYSTEM_ANONYMOUS,
        "default_locale",
        "The locale of a login that asks for none.",
    ),
    Property(
        "ServiceInstance",
        "content",
        Field("content", "ServiceContent"),
        SYSTEM_ANONYMOUS,
        "content",
        "What this server is and which objects it has.",
    ),
    Property(
        "ServiceInstance",
        "serverClock",
        Field("serverClock", "dateTime"),
        SYSTEM_VIEW,
        "current_time",
        "The server's time.",
    ),
    Property(
        "Folder",
        "name",
        _string("name"),
        SYSTEM_VIEW,
        "folder_name",
        "Name of the root folder, which is empty here.",
    ),
)

PROPERTIES: Mapping[tuple[str, str], Property] = {(p.on, p.name): p for p in _PROPERTIES}
"""Every property, by object type and name."""
