"""vAPI JSON-RPC at `POST /api`: create, get and delete of `com.vmware.cis.session`.

Refusals come inside HTTP 200, since the vendor's client takes any other status for a broken line.
Source: the messages of the vendor's Python runtime (docs/wire.md).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sessiongate.errors import BadCredentials, Malformed, NoSession, SessionGateError
from sessiongate.secret import Secret
from sessiongate.wire.automation.rest import Refusal, refusal_of
from sessiongate.wire.json_body import read_json

PATH = "/api"
SERVICE = "com.vmware.cis.session"
OPERATIONS = ("create", "get", "delete")

PARSE, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
DISAGREE = -31001
"""The vapi-service or vapi-operation header contradicts the body."""

_USER_PASSWORD = "com.vmware.vapi.std.security.user_pass"
_NO_AUTHENTICATION = "com.vmware.vapi.std.security.no_authentication"
SESSION_ID = "com.vmware.vapi.std.security.session_id"

Id = str | int | float | None

# Clients count from 0, or use a UUID. What is sent back is bounded, whatever was sent.
_LONGEST_ID = 256


class RpcError(Exception):
    """Not a call at all: answered on the level of JSON-RPC. `id` is the request's, if legible."""

    def __init__(self, code: int, message: str, request: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = request


class RpcCall(msgspec.Struct, frozen=True):
    """A call of an operation of a service. `security` is the security context as it came."""

    id: Id
    service: str
    operation: str
    security: Mapping[str, object]


def read_call(body: bytes, service: str | None, operation: str | None) -> RpcCall:
    """The call in a body, checked against the two vapi headers where they came. Or RpcError."""
    try:
        raw = read_json(body)
    except Malformed:
        raise RpcError(PARSE, "Parse error") from None
    if not isinstance(raw, dict):
        raise RpcError(INVALID_REQUEST, "Invalid request")
    request = raw.get("id")
    if isinstance(request, bool) or not isinstance(request, str | int | float | None):
        raise RpcError(INVALID_REQUEST, "Invalid request")
    if isinstance(request, str) and len(request) > _LONGEST_ID:
        raise RpcError(INVALID_REQUEST, "Invalid request")
    if raw.get("jsonrpc") != "2.0" or not isinstance(raw.get("method"), str):
        raise RpcError(INVALID_REQUEST, "Invalid request", request)
    if raw["method"] != "invoke":
        raise RpcError(NO_METHOD, "Method not found", request)
    params = raw.get("params")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "Invalid params", request)
    called, done = params.get("serviceId"), params.get("operationId")
    if not isinstance(called, str) or not isinstance(done, str):
        raise RpcError(INVALID_PARAMS, "Invalid params", request)
    if service not in (None, called) or operation not in (None, done):
        raise RpcError(DISAGREE, "The vapi headers and the body disagree", request)
    return RpcCall(request, called, done, _security(params))


def _security(params: Mapping[str, Any]) -> Mapping[str, object]:
    context = params.get("ctx")
    security = context.get("securityCtx") if isinstance(context, dict) else None
    return security if isinstance(security, dict) else {}


def credential(call: RpcCall) -> tuple[str, Secret]:
    """User name and password of a create. Raises BadCredentials for any other scheme."""
    name, password = call.security.get("userName"), call.security.get("password")
    if (
        call.security.get("schemeId") != _USER_PASSWORD
        or not isinstance(name, str)
        or not isinstance(password, str)
    ):
        raise BadCredentials("no user name and password in the security context")
    return name, Secret(password)


def session_id(call: RpcCall) -> str | None:
    """The session that the security context carries.

    None where it says nothing. Raises NoSession for one that is no text, and for a context of any
    other scheme: a password or a token names somebody, and no session.
    """
    if not call.security or call.security.get("schemeId") == _NO_AUTHENTICATION:
        return None
    if call.security.get("schemeId") != SESSION_ID:
        raise NoSession("the security context holds something else where a session is due")
    found = call.security.get("sessionId")
    if not isinstance(found, str) or not found:
        raise NoSession("the security context names a session and holds none")
    return found


def write_output(call: RpcCall, output: object) -> bytes:
    """A result, under the id of the call."""
    return _encode({"jsonrpc": "2.0", "id": call.id, "result": {"output": output}})


def created(token: Secret) -> object:
    """The output of create."""
    return {"SECRET": token.reveal()}


def info(facts: Mapping[str, str]) -> object:
    """The output of get."""
    return {"STRUCTURE": {"com.vmware.cis.session.info": facts}}


def write_refusal(call: RpcCall, error: SessionGateError | None) -> bytes:
    """A refusal as a result; None stands for an error that we did not expect."""
    return _encode(_refused(call, refusal_of(error)))


def write_no_operation(call: RpcCall) -> bytes:
    """The refusal of a service or operation that does not exist here."""
    unknown = Refusal(
        404,
        "OPERATION_NOT_FOUND",
        "vapi.method.input.invalid.interface",
        "There is no such operation here.",
    )
    return _encode(_refused(call, unknown))


def _refused(call: RpcCall, refusal: Refusal) -> object:
    message = {
        "id": refusal.id,
        "default_message": refusal.text,
        "args": refusal.args,
        "params": {"OPTIONAL": None},
        "localized": {"OPTIONAL": None},
    }
    fields = {
        "messages": [{"STRUCTURE": {"com.vmware.vapi.std.localizable_message": message}}],
        "data": {"OPTIONAL": None},
        "error_type": {"OPTIONAL": refusal.kind},
    }
    if refusal.kind == "UNAUTHENTICATED":
        fields["challenge"] = {"OPTIONAL": None}
    name = f"com.vmware.vapi.std.errors.{refusal.kind.lower()}"
    return {"jsonrpc": "2.0", "id": call.id, "result": {"error": {"ERROR": {name: fields}}}}


def write_rpc_error(error: RpcError) -> bytes:
    """An error on the level of JSON-RPC."""
    detail = {"code": error.code, "message": error.message}
    return _encode({"jsonrpc": "2.0", "id": error.id, "error": detail})


def unread(error: SessionGateError) -> RpcError:
    """The refusal of a request whose body nobody has looked at."""
    return RpcError(INVALID_REQUEST, refusal_of(error).text)


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)
