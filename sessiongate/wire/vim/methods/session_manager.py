"""SessionManager: its methods and properties.

Privileges and declared faults are those of the vendor's API pages.
"""

from collections.abc import Iterable

from sessiongate.rules.access import (
    GLOBAL_MESSAGE,
    IMPERSONATE_USER,
    LIST_SESSIONS,
    SYSTEM_ANONYMOUS,
    SYSTEM_VIEW,
    TERMINATE_SESSION,
    VALIDATE_SESSION,
)
from sessiongate.wire.vim.methods.rows import Method, Property
from sessiongate.wire.vim.types import Field


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


METHODS = (
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
)

PROPERTIES = (
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
)
