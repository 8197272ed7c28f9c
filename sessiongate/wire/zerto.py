"""Zerto's classic session API: `/v1/session/add` and `/v1/session`.

Source: the vendor's "Session API" page, and what its clients in the field send (docs/wire.md).
"""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping

import msgspec

from sessiongate import errors
from sessiongate.errors import Malformed
from sessiongate.wire.accept import XML, preferred
from sessiongate.wire.json_body import is_blank, read_json
from sessiongate.wire.xml import escape, parse

WINDOWS = 0
"""AuthenticationMethod for Windows credentials, and for none given."""
HYPERVISOR = 1
"""AuthenticationMethod for credentials of the hypervisor manager."""

START = "/v1/session/add"
END = "/v1/session"
SESSION_HEADER = "x-zerto-session"
CHALLENGE = 'Basic realm="zvm"'
"""Basic only: .NET prefers Negotiate or NTLM wherever they are offered too, and then fails."""

_MEMBER = "authenticationmethod"


class ZertoReply(msgspec.Struct, frozen=True):
    """Status, content type and body of a reply."""

    status: int
    content_type: str
    body: bytes


def address(path: str) -> str | None:
    """START or END for a path of this API in any letter case, with or without a last slash."""
    lowered = path.lower().removesuffix("/")
    return lowered if lowered in (START, END) else None


def read_method(body: bytes, content_type: str | None) -> int:
    """WINDOWS or HYPERVISOR. Raises Malformed for a body that says neither and is not empty."""
    if is_blank(body):
        return WINDOWS
    media = (content_type or "").partition(";")[0].strip().lower()
    if media in ("application/xml", "text/xml") or (
        not media and body.removeprefix(BOM_UTF8).lstrip()[:1] == b"<"
    ):
        return _method_of(_xml_member(body))
    return _method_of(_json_member(body))


def _json_member(body: bytes) -> object:
    found = read_json(body)
    if not isinstance(found, dict):
        raise Malformed("the body is not a JSON object")
    values = [value for name, value in found.items() if str(name).lower() == _MEMBER]
    if len(values) > 1:
        raise Malformed("AuthenticationMethod is given twice")
    return values[0] if values else None


def _xml_member(body: bytes) -> object:
    stack = [parse(body)]
    values = []
    while stack:
        element = stack.pop()
        if element.name.lower() == _MEMBER:
            values.append(element.text)
        stack.extend(element.children)
    if len(values) > 1:
        raise Malformed("AuthenticationMethod is given twice")
    return values[0] if values else None


def _method_of(value: object) -> int:
    if value is None:
        return WINDOWS
    if isinstance(value, str):
        text = value.strip()
        if text in ("0", "1"):
            return int(text)
    elif isinstance(value, int) and not isinstance(value, bool) and value in (WINDOWS, HYPERVISOR):
        return value
    raise Malformed("AuthenticationMethod must be 0 (Windows) or 1 (hypervisor manager)")


class Form(msgspec.Struct, frozen=True):
    """How an error looks here. `text` of None stands for the error's own sentence."""

    status: int
    text: str | None
    challenge: bool = False


_WRONG = Form(401, "User name or password is incorrect.", challenge=True)
_BUSY = Form(503, "The service is not available now. Try again later.")
_NOWHERE = Form(404, "There is no such resource.")

FORMS: Mapping[type[errors.SessionGateError], Form] = {
    errors.BadCredentials: _WRONG,
    errors.LockedOut: _WRONG,  # a guesser must learn no more than "wrong"
    errors.AlreadyLoggedIn: _WRONG,
    errors.BadTicket: _WRONG,
    errors.NoSession: Form(401, "The session is missing, unknown or has ended. Log in again."),
    errors.NoPermission: Form(403, "This user has no permission to use this server."),
    errors.InvalidLocale: Form(400, "The locale is invalid or unknown to the server."),
    errors.NotFound: _NOWHERE,
    errors.InvalidArgument: Form(400, None),
    errors.NotSupported: Form(501, "This operation is not offered here."),
    errors.NoClientCertificate: _WRONG,
    errors.NoSubjectName: _WRONG,
    errors.CapReached: Form(503, "There are too many sessions. End some, or try again later."),
    errors.Malformed: Form(400, None),
    errors.EncodedBody: Form(415, None),
    errors.ForeignOrigin: Form(403, None),
    errors.UnknownAddress: _NOWHERE,
    errors.UnknownObject: _NOWHERE,
    errors.UnknownMethod: _NOWHERE,
    errors.UnknownName: _NOWHERE,
    errors.UnknownProperty: _NOWHERE,
    errors.UnknownType: _NOWHERE,
    errors.UnknownVersion: _NOWHERE,
    errors.WaitCancelled: _NOWHERE,
    errors.WrongVerb: Form(405, "This resource does not take this method."),
    errors.IdentityUnavailable: _BUSY,
    errors.StoreUnavailable: _BUSY,
    errors.EndNotWritten: _BUSY,
    errors.UnreadableRow: _BUSY,
    errors.UpstreamUnavailable: _BUSY,
    errors.OutcomeUnknown: Form(
        500, "The call was sent on; whether it was carried out is not known."
    ),
    errors.QuotaReached: Form(409, None),
    errors.Overloaded: _BUSY,
}

INTERNAL = Form(500, "An internal error occurred.")


def refusal(error: errors.SessionGateError | None, accept: str | None) -> ZertoReply:
    """The error body, `{"Message": ...}` or the XML form by Accept; None for one unforeseen."""
    form = FORMS[type(error)] if error is not None else INTERNAL
    text = form.text if form.text is not None else f"{error}."
    if error is not None and error.says:
        text = f"{text} ({error.says})"
    if preferred(accept) == XML:
        body = f"<Error><Message>{escape(text)}</Message></Error>".encode()
        return ZertoReply(form.status, "application/xml; charset=utf-8", body)
    body = msgspec.json.encode({"Message": text})
    return ZertoReply(form.status, "application/json; charset=utf-8", body)


_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def as_issued(token: str) -> str:
    """A token as we wrote it: one of GUID form is lower-cased, since GUIDs have no case."""
    lowered = token.lower()
    # Mostly there is nothing to lower, which this says in a tenth of the pattern's time.
    return lowered if lowered != token and _TOKEN.fullmatch(token) else token
