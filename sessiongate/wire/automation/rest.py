"""The Automation API's sessions: `/api/session`, `/rest/com/vmware/cis/session`, and their errors.

The two faces differ in status, shape and error body; clients rely on each of these. Source: the
vendor's pages on session management, and what its clients need (docs/wire.md).
"""

from collections.abc import Mapping

import msgspec

from sessiongate import errors
from sessiongate.session import Session
from sessiongate.wire.query import read_query
from sessiongate.wire.times import milliseconds

API_SESSION = "/api/session"
REST_SESSION = "/rest/com/vmware/cis/session"
SESSION_HEADER = "vmware-api-session-id"
CHALLENGE = 'Basic realm="VAPI endpoint"'


class Form(msgspec.Struct, frozen=True):
    """How an error looks here. `text` of None stands for the error's own sentence."""

    status: int
    kind: str
    id: str
    text: str | None = None


_AUTHENTICATION = Form(
    401,
    "UNAUTHENTICATED",
    "com.vmware.vapi.endpoint.method.authentication.required",
    "Authentication required.",
)
_DENIED = Form(
    403,
    "UNAUTHORIZED",
    "com.vmware.vapi.endpoint.method.authorization.denied",
    "Permission to perform this operation was denied.",
)
_NOWHERE = Form(
    404, "NOT_FOUND", "com.vmware.vapi.rest.httpNotFound", "There is nothing at this address."
)
_BUSY = Form(
    503,
    "SERVICE_UNAVAILABLE",
    "com.vmware.vapi.endpoint.serviceUnavailable",
    "The service is not available now. Try again later.",
)
_WRONG = Form(400, "INVALID_ARGUMENT", "com.vmware.vapi.rest.invalidArgument")

FORMS: Mapping[type[errors.SessionGateError], Form] = {
    errors.BadCredentials: _AUTHENTICATION,
    errors.LockedOut: _AUTHENTICATION,  # a guesser must learn no more than "wrong"
    errors.AlreadyLoggedIn: _AUTHENTICATION,
    errors.BadTicket: _AUTHENTICATION,
    errors.NoSession: _AUTHENTICATION,
    errors.NoClientCertificate: _AUTHENTICATION,
    errors.NoSubjectName: _AUTHENTICATION,
    errors.NoPermission: _DENIED,
    errors.InvalidLocale: _WRONG,
    errors.InvalidArgument: _WRONG,
    errors.Malformed: _WRONG,
    errors.EncodedBody: Form(415, "UNSUPPORTED", "com.vmware.vapi.rest.unsupportedMediaType"),
    errors.ForeignOrigin: Form(403, "UNAUTHORIZED", "com.vmware.vapi.rest.foreignOrigin"),
    errors.NotFound: _NOWHERE,
    errors.UnknownAddress: _NOWHERE,
    errors.UnknownObject: _NOWHERE,
    errors.UnknownMethod: _NOWHERE,
    errors.UnknownName: _NOWHERE,
    errors.UnknownProperty: _NOWHERE,
    errors.UnknownType: _NOWHERE,
    errors.UnknownVersion: _NOWHERE,
    errors.WaitCancelled: _NOWHERE,
    errors.NotSupported: Form(501, "UNSUPPORTED", "com.vmware.vapi.rest.unsupported"),
    errors.WrongVerb: Form(
        405, "UNSUPPORTED", "com.vmware.vapi.rest.httpMethodNotAllowed", "Not this method here."
    ),
    errors.CapReached: _BUSY,
    errors.IdentityUnavailable: _BUSY,
    errors.StoreUnavailable: _BUSY,
    errors.EndNotWritten: _BUSY,
    errors.UnreadableRow: _BUSY,
    errors.UpstreamUnavailable: _BUSY,
    errors.OutcomeUnknown: Form(
        500,
        "INTERNAL_SERVER_ERROR",
        "com.vmware.vapi.endpoint.outcomeUnknown",
        "The call was sent on; whether it was carried out is not known.",
    ),
    errors.QuotaReached: Form(
        400, "NOT_ALLOWED_IN_CURRENT_STATE", "com.vmware.vapi.endpoint.quota", "Too much is open."
    ),
    errors.Overloaded: _BUSY,
}

INTERNAL = Form(
    500,
    "INTERNAL_SERVER_ERROR",
    "com.vmware.vapi.endpoint.internalServerError",
    "An internal error occurred.",
)

TOO_MANY = "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached"
"""What a vCenter before 8.0 U3 says at the cap of one user's sessions."""


# How much of a client's own words an error may repeat.
_LONGEST_ECHO = 200


class Refusal(msgspec.Struct, frozen=True):
    """An error, ready for either face and for JSON-RPC."""

    status: int
    kind: str
    id: str
    text: str
    args: tuple[str, ...] = ()
    """What the text was made with, for clients that make their own."""


def refusal_of(error: errors.SessionGateError | None) -> Refusal:
    """What to say of this error; None stands for one that we did not expect."""
    form = FORMS[type(error)] if error is not None else INTERNAL
    if isinstance(error, errors.CapReached) and error.scope == "principal":
        text = (
            f"User session count is limited to {error.limit}. Existing session count is"
            f" {error.limit} for user {error.principal}"
        )
        return Refusal(form.status, form.kind, TOO_MANY, text)
    return Refusal(form.status, form.kind, form.id, _text(form, error))


def _text(form: Form, error: errors.SessionGateError | None) -> str:
    if form.text is None:
        return f"{error}."
    return f"{form.text} ({error.says})" if error is not None and error.says else form.text


def no_operations(path: str) -> Refusal:
    """What `/rest` says of a path that nothing answers, in the vendor's own words."""
    shown = path[:_LONGEST_ECHO]
    return Refusal(
        404,
        "NOT_FOUND",
        "com.vmware.vapi.rest.operationsForUrlNotFound",
        f"Unable to find operations for URL: {shown}",
        (shown,),
    )


def write_api_error(refusal: Refusal) -> bytes:
    """The error body of `/api`: type and messages."""
    return msgspec.json.encode({"error_type": refusal.kind, "messages": [_message(refusal)]})


def write_rest_error(refusal: Refusal) -> bytes:
    """The error body of `/rest`: the type's full name, and the same inside `value`."""
    value = {"error_type": refusal.kind, "messages": [_message(refusal)]}
    name = f"com.vmware.vapi.std.errors.{refusal.kind.lower()}"
    return msgspec.json.encode({"type": name, "value": value})


def _message(refusal: Refusal) -> dict[str, object]:
    return {"args": refusal.args, "default_message": refusal.text, "id": refusal.id}


def session_info(session: Session) -> dict[str, str]:
    """What `get` tells of a session: the name as typed at login, and two times."""
    return {
        "user": session.login_name,
        "created_time": milliseconds(session.login_at),
        "last_accessed_time": milliseconds(session.active_at),
    }


def is_get_action(query: str) -> bool:
    """Whether the query is `~action=get`, with the tilde written out or percent-encoded."""
    return ("~action", "get") in read_query(query)
