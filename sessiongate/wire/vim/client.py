"""The client's side of VI/JSON and SOAP: what we say to a vCenter's SessionManager, what it says.

Only logging in and out: the two calls that checking a password takes. Nothing of an answer is
believed before it has been read whole and is of the right types; texts that the vCenter chose are
kept out of sentences for logs, since it has just been told a password and might repeat it.
"""

from collections.abc import Callable
from enum import Enum

import msgspec

from sessiongate.errors import BadCredentials, Malformed
from sessiongate.secret import Secret
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.carriers import SOAP_COOKIE
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.vim.json import PREFIX, SESSION_HEADER
from sessiongate.wire.vim.soap import ENVELOPE, VIM, XSI
from sessiongate.wire.xml import OF_STRANGERS, Element, XmlLimits, escape, parse

# The oldest published release: every vCenter that speaks VI/JSON takes it, newer ones included.
_RELEASE = "8.0.1.0"
_MANAGER = f"{PREFIX}{_RELEASE}/SessionManager/SessionManager"

# Real servers refuse versions newer than themselves. Login and UserSession are the same since.
_SOAP_ACTION = '"urn:vim25/6.0"'

# Real tokens have 40 letters, tickets of other makes a few hundred.
_LONGEST_TOKEN = 4096

# As long as the longest name that is worth a look-up; nobody's full name is longer.
_LONGEST_TEXT = 1024


class WireForm(Enum):
    """The forms in which a session is used: two of vSphere's, for the same calls, and Zerto's."""

    JSON = "VI/JSON"
    SOAP = "SOAP"
    BEARER = "bearer"
    """A Zerto appliance's."""
    ZERTO = "x-zerto-session"
    """A classic ZVM's."""


class UserSession(msgspec.Struct, frozen=True):
    """Whose session the vCenter has opened."""

    key: str
    """The session's public name there."""
    user_name: str
    r"""As its directory spells it: `VSPHERE.LOCAL\Administrator`."""
    full_name: str
    locale: str


class UpstreamSession(msgspec.Struct, frozen=True):
    """A session at the vCenter, and the token that ends it."""

    form: WireForm
    token: Secret
    user: UserSession
    rest: RestSession | None = None
    """The one of the Automation API beside it, where that has sessions of its own."""

    def secrets(self) -> tuple[Secret, ...]:
        """All that suffices to use it."""
        return (self.token, *((self.rest.token,) if self.rest is not None else ()))


REFUSED_LOGINS = frozenset({"InvalidLogin", "PasswordExpired", "InvalidClientCertificate"})
"""InvalidLogin and its subtypes: this name and password let nobody in."""

KNOWN_FAULTS = REFUSED_LOGINS | frozenset(
    {
        "NoPermission",
        "NotAuthenticated",
        "InvalidSession",
        "InvalidLocale",
        "InvalidRequest",
        "InvalidArgument",
        "ManagedObjectNotFound",
        "MethodNotFound",
        "NotSupported",
        "RequestCanceled",
        "RestrictedVersion",
        "SystemError",
    }
)
"""What logs may repeat: names of the vendor's own, which cannot hold what a client has said."""


class ReceivedFault(msgspec.Struct, frozen=True):
    """A refusal in vim's words: the name of its type, "" for one that logs must not repeat."""

    name: str


def write_login(form: WireForm, name: str, password: Secret, locale: str = "") -> Ask:
    """The call that opens a session, in this locale; "" leaves that to the vCenter.

    Raises BadCredentials for what the form cannot carry: no account there can have such a name or
    password, and sending something like it would be another guess.
    """
    return _LOGINS[form](name, password.reveal(), locale)


def _json_login(name: str, password: str, locale: str) -> Ask:
    members = {"userName": name, "password": password}
    if locale:
        members["locale"] = locale
    try:
        body = msgspec.json.encode(members)
    except UnicodeEncodeError:
        raise BadCredentials(
            "the name or password holds letters that JSON cannot carry", answered=False
        ) from None
    return Ask(f"{_MANAGER}/Login", _JSON, body)


def _soap_login(name: str, password: str, locale: str) -> Ask:
    members = f"<userName>{_exact(name)}</userName><password>{_exact(password)}</password>"
    if locale:
        members += f"<locale>{_exact(locale)}</locale>"
    return Ask("/sdk", SOAP_HEADERS, envelope("Login", members=members))


def _exact(text: str) -> str:
    escaped = escape(text)
    if escaped.count("\ufffd") != text.count("\ufffd"):
        raise BadCredentials(
            "the name or password holds letters that XML cannot carry", answered=False
        )
    return escaped


_LOGINS: dict[WireForm, Callable[[str, str, str], Ask]] = {
    WireForm.JSON: _json_login,
    WireForm.SOAP: _soap_login,
}

_JSON: Headers = (("content-type", "application/json"),)
SOAP_HEADERS: Headers = (("content-type", "text/xml; charset=utf-8"), ("soapaction", _SOAP_ACTION))


def session_cookie(token: Secret) -> tuple[str, str]:
    """The header that carries a session to SOAP."""
    return ("cookie", f"{SOAP_COOKIE}={token.reveal()}")


def session_header(token: Secret) -> tuple[str, str]:
    """The header that carries a session to VI/JSON, which has the cookie's value without quotes."""
    return (SESSION_HEADER, token.reveal().strip('"'))


def write_logout(form: WireForm, token: Secret) -> Ask:
    """The call that ends the session of this token."""
    if form is WireForm.JSON:
        return Ask(f"{_MANAGER}/Logout", (*_JSON, session_header(token)), b"{}")
    return Ask("/sdk", (*SOAP_HEADERS, session_cookie(token)), envelope("Logout"))


def envelope(
    method: str, kind: str = "SessionManager", name: str = "SessionManager", members: str = ""
) -> bytes:
    """A call of this method on this object, whose arguments are written already."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="{ENVELOPE}">'
        f'<soapenv:Body><{method} xmlns="{VIM}">'
        f'<_this type="{kind}">{name}</_this>{members}</{method}>'
        "</soapenv:Body></soapenv:Envelope>"
    ).encode()


def lacks_json(answer: Answer) -> bool:
    """Whether this answer to VI/JSON says that the server does not speak it.

    vCenter before 8.0 U1 answers 404; where `/sdk` and all below it is one SOAP endpoint, the JSON
    is read as broken XML.
    """
    if answer.status in (404, 405):
        return True
    kinds = answer.all("content-type")
    return answer.status in (400, 500) and any("xml" in kind.lower() for kind in kinds)


def read_login(form: WireForm, answer: Answer) -> UpstreamSession | ReceivedFault:
    """What came of a login: a session or a refusal. Raises Malformed for anything else."""
    if answer.status == 200:
        return UpstreamSession(form, read_token(form, answer), read_user_session(form, answer.body))
    if answer.status == 500:
        return read_fault(form, answer.body)
    raise Malformed(f"status {answer.status}")


def write_end_of_unread(form: WireForm, answer: Answer) -> Ask | None:
    """What ends the session of a login whose answer cannot be read; None for no session."""
    if answer.status != 200:
        return None
    try:
        return write_logout(form, read_token(form, answer))
    except Malformed:
        return None


def read_fault(form: WireForm, body: bytes) -> ReceivedFault:
    """The fault in the body of a 500. Raises Malformed where there is none."""
    name = _FAULTS[form](body)
    return ReceivedFault(name if name in KNOWN_FAULTS else "")


def read_user_session(form: WireForm, body: bytes) -> UserSession:
    """The session in the body of Login's 200. Raises Malformed."""
    return _SESSIONS[form](body)


def read_token(form: WireForm, answer: Answer) -> Secret:
    """The token of a session that was just opened. Raises Malformed."""
    if form is WireForm.JSON:
        found = answer.all(SESSION_HEADER)
    else:
        pairs = (value.partition(";")[0].partition("=") for value in answer.all("set-cookie"))
        # Quotes and all: some servers compare what they get with what they sent.
        found = [value.strip() for name, _, value in pairs if name.strip() == SOAP_COOKIE]
    if len(found) != 1 or not found[0].strip('"') or len(found[0]) > _LONGEST_TOKEN:
        raise Malformed("a session without one token to end it by")
    if not (found[0].isascii() and found[0].isprintable()):
        raise Malformed("a token that no header can carry")
    return Secret(found[0])


class _JsonSession(msgspec.Struct, rename="camel"):
    key: str
    user_name: str
    full_name: str | None = None
    locale: str | None = None


class _JsonFault(msgspec.Struct):
    type_name: str = msgspec.field(name="_typeName")


_json_session = msgspec.json.Decoder(_JsonSession).decode
_json_fault_of = msgspec.json.Decoder(_JsonFault).decode

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _read_json_session(body: bytes) -> UserSession:
    try:
        raw = _json_session(body)
    except _UNREADABLE:
        raise Malformed("the body is not a UserSession in JSON") from None
    return _session(raw.key, raw.user_name, raw.full_name, raw.locale)


def _read_json_fault(body: bytes) -> str:
    try:
        return _json_fault_of(body).type_name
    except _UNREADABLE:
        raise Malformed("the body is not a fault in JSON") from None


def _read_soap_session(body: bytes) -> UserSession:
    return session_of(only(only(content_of(body), "LoginResponse", VIM), "returnval", VIM))


def session_of(session: Element) -> UserSession:
    """The UserSession that an element holds. Raises Malformed."""
    texts = {
        name: [part.text for part in session.children if (part.namespace, part.name) == (VIM, name)]
        for name in ("key", "userName", "fullName", "locale")
    }
    if len(texts["key"]) != 1 or len(texts["userName"]) != 1:
        raise Malformed("the UserSession has no key or no userName")
    full_name, locale = ("".join(texts[name][:1]) for name in ("fullName", "locale"))
    return _session(texts["key"][0], texts["userName"][0], full_name, locale)


def _read_soap_fault(body: bytes) -> str:
    fault = only(content_of(body), "Fault", ENVELOPE)
    details = [part for one in fault.children if one.name == "detail" for part in one.children]
    if not details:
        return ""  # broken XML and unknown versions are told without any
    said = details[0].attributes.get((XSI, "type"), details[0].name.removesuffix("Fault"))
    return said.rpartition(":")[2].strip()


def content_of(body: bytes, limits: XmlLimits = OF_STRANGERS) -> Element:
    """What the body of an envelope holds. Raises Malformed."""
    root = parse(body, limits=limits)
    if (root.namespace, root.name) != (ENVELOPE, "Envelope"):
        raise Malformed("the body is not a SOAP 1.1 envelope")
    return only(root, "Body", ENVELOPE)


def only(holder: Element, name: str, namespace: str) -> Element:
    """The one child of this name. Raises Malformed."""
    found = [one for one in holder.children if (one.namespace, one.name) == (namespace, name)]
    if len(found) != 1:
        raise Malformed(f"the XML does not hold one {name}")
    return found[0]


_SESSIONS: dict[WireForm, Callable[[bytes], UserSession]] = {
    WireForm.JSON: _read_json_session,
    WireForm.SOAP: _read_soap_session,
}
_FAULTS: dict[WireForm, Callable[[bytes], str]] = {
    WireForm.JSON: _read_json_fault,
    WireForm.SOAP: _read_soap_fault,
}


def _session(key: str, user_name: str, full_name: str | None, locale: str | None) -> UserSession:
    if not key or not user_name:
        raise Malformed("the UserSession has an empty key or userName")
    if max(map(len, (key, user_name, locale or ""))) > _LONGEST_TEXT:
        raise Malformed("the UserSession holds a name that is too long")
    return UserSession(key, user_name, _readable((full_name or "")[:_LONGEST_TEXT]), locale or "")


def _readable(text: str) -> str:
    """On one line, and without letters that move the cursor of whoever reads a log."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
