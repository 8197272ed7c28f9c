"""Errors meet vSphere here: one table, and the fault object made from an entry of it.

The texts are ids of the message catalogues, so that a fault comes in the session's language.
"""

from collections.abc import Callable, Mapping

import msgspec

from sessiongate import errors
from sessiongate.messages import text
from sessiongate.wire.vim.types import Boxed, Data, MoRef, Value


class Form(msgspec.Struct, frozen=True):
    """How an error looks as a fault. `status` is the HTTP status of the VI/JSON reply."""

    fault: str
    message: str
    status: int = 500


class Fault(msgspec.Struct, frozen=True):
    """A fault, ready for a codec."""

    data: Data
    message: str
    status: int


_LOGIN = Form("InvalidLogin", "Cannot complete login due to an incorrect user name or password.")
_BUSY = "The service is not available now. Try again later."

FORMS: Mapping[type[errors.SessionGateError], Form] = {
    errors.BadCredentials: _LOGIN,
    errors.LockedOut: _LOGIN,  # a guesser must learn no more than "wrong"
    errors.AlreadyLoggedIn: _LOGIN,
    errors.BadTicket: _LOGIN,
    errors.NoSession: Form("NotAuthenticated", "The session is not authenticated."),
    errors.NoPermission: Form("NoPermission", "Permission to perform this operation was denied."),
    errors.InvalidLocale: Form("InvalidLocale", "The locale is invalid or unknown to the server."),
    errors.NotFound: Form("NotFound", "The object or item referred to could not be found."),
    errors.InvalidArgument: Form(
        "InvalidArgument", "A specified parameter was not correct: {name}"
    ),
    errors.NotSupported: Form("NotSupported", "The operation is not supported on the object."),
    errors.NoClientCertificate: Form(
        "NoClientCertificate", "No client certificate was presented on this connection."
    ),
    errors.NoSubjectName: Form("NoSubjectName", "The client certificate names no subject."),
    errors.CapReached: Form("SystemError", "There are too many sessions.", 503),
    errors.Malformed: Form("InvalidRequest", "The request is not valid."),
    errors.EncodedBody: Form("InvalidRequest", "The request is not valid.", 415),
    errors.ForeignOrigin: Form("InvalidRequest", "The request is not valid.", 403),
    # A monitoring script in the field looks for "Invalid URI" and "InvalidRequest".
    errors.UnknownAddress: Form("InvalidRequest", "Invalid URI"),
    errors.UnknownObject: Form(
        "ManagedObjectNotFound",
        "The object '{kind}:{name}' has already been deleted or has not been completely created",
    ),
    errors.UnknownMethod: Form(
        "MethodNotFound", "The method '{method}' is not found on this object."
    ),
    errors.UnknownName: Form("InvalidRequest", "The request is not valid."),
    errors.UnknownProperty: Form(
        "InvalidProperty", "The requested property '{name}' is not valid."
    ),
    errors.UnknownType: Form("InvalidType", "A specified parameter was not correct: {name}"),
    errors.UnknownVersion: Form("InvalidCollectorVersion", "The request is not valid."),
    errors.WaitCancelled: Form("RequestCanceled", "The request was canceled."),
    errors.QuotaReached: Form("InvalidState", "The request is not valid."),
    errors.WrongVerb: Form("InvalidRequest", "The request is not valid.", 405),
    errors.IdentityUnavailable: Form("SystemError", _BUSY, 503),
    errors.StoreUnavailable: Form("SystemError", _BUSY, 503),
    errors.EndNotWritten: Form("SystemError", _BUSY, 503),
    errors.UnreadableRow: Form("SystemError", _BUSY, 503),
    errors.UpstreamUnavailable: Form("SystemError", _BUSY, 503),
    # Not 503, which clients repeat: what has an effect would have it twice.
    errors.OutcomeUnknown: Form("SystemError", "A general system error occurred."),
    errors.Overloaded: Form("SystemError", _BUSY, 503),
}

INTERNAL = Form("SystemError", "A general system error occurred.")
"""For what we did not expect: type, cause and stack stay in the log."""

# How much of a client's own words a fault may repeat.
_LONGEST_ECHO = 200


def fault_of(
    error: errors.SessionGateError | None, target: MoRef | None, privilege: str, locale: str
) -> Fault:
    """The fault for this error, None standing for one that we did not expect.

    `target` and `privilege` are the object addressed and what the call needed: NotAuthenticated
    and NoPermission name both.
    """
    form = FORMS[type(error)] if error is not None else INTERNAL
    fields = _fields(error)
    message = text(form.message, locale, **fields)
    members: dict[str, Value] = {}
    explain = _EXPLAIN.get(type(error)) if error is not None else None
    sentence = explain(error) if explain is not None and error is not None else ""
    if sentence:
        members["faultMessage"] = [_explained(sentence, fields, message)]
    if form.fault in ("NotAuthenticated", "NoPermission"):
        if target is not None:
            members["object"] = target
        missing = error.privilege if isinstance(error, errors.NoPermission) else privilege
        members["privilegeId"] = missing
    elif isinstance(error, errors.InvalidArgument):
        members["invalidProperty"] = error.name
    elif isinstance(error, errors.UnknownProperty):
        members["name"] = error.name[:_LONGEST_ECHO]
    elif isinstance(error, errors.UnknownType):
        members["argument"] = error.name
    elif isinstance(error, errors.UnknownObject):
        members["obj"] = MoRef(error.kind[:_LONGEST_ECHO], error.name[:_LONGEST_ECHO])
    elif isinstance(error, errors.UnknownMethod):
        members["receiver"] = MoRef(error.kind, error.name)
        members["method"] = error.method[:_LONGEST_ECHO]
    elif form.fault == "SystemError":
        members["reason"] = _with(message, sentence)
    return Fault(Data(form.fault, members), message, form.status)


def _fields(error: errors.SessionGateError | None) -> dict[str, str]:
    found = {}
    for name in ("kind", "name", "method"):
        value = getattr(error, name, None)
        if isinstance(value, str):
            found[name] = value[:_LONGEST_ECHO]
    return found


def _public_text(error: errors.SessionGateError) -> str:
    return error.says


_EXPLAIN: Mapping[type[errors.SessionGateError], Callable[[errors.SessionGateError], str]] = {
    errors.Malformed: str,
    errors.EncodedBody: str,
    errors.ForeignOrigin: str,
    errors.InvalidArgument: str,
    errors.QuotaReached: str,
    errors.OutcomeUnknown: str,
    errors.NotSupported: str,
    errors.UnknownAddress: str,
    errors.UnknownName: str,
    errors.WrongVerb: str,
    errors.UpstreamUnavailable: _public_text,
    errors.Overloaded: _public_text,
}
"""Errors whose own sentence helps the client and holds nothing that the client may not know.

"" where this one has none.
"""


def _with(message: str, sentence: str) -> str:
    return f"{message} ({sentence})" if sentence else message


def _explained(sentence: str, fields: Mapping[str, str], message: str) -> Data:
    args: list[Value] = [
        Data("KeyAnyValue", {"key": name, "value": Boxed("string", value)})
        for name, value in fields.items()
    ]
    members: dict[str, Value] = {"key": "com.vmware.vim.vmodl.explanation"}
    if args:
        members["arg"] = args
    members["message"] = _with(message, sentence)
    return Data("LocalizableMessage", members)
