"""A call of vAPI JSON-RPC that is to be sent on: written anew from what was read, by our session.

Of the envelope goes on what the protocol has; whatever else a client has put there does not.
"""

from codecs import BOM_UTF8

import msgspec

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.automation.vapi_rpc import PATH, SESSION_ID, RpcCall
from sessiongate.wire.http import Ask, Headers

_JSON: Headers = (("content-type", "application/json"), ("accept", "application/json"))


class _Context(msgspec.Struct):
    app: msgspec.Raw = msgspec.field(name="appCtx", default=msgspec.Raw(b"{}"))


class _Params(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b'{"STRUCTURE":{"operation-input":{}}}')
    ctx: _Context | None = None


class _Body(msgspec.Struct):
    params: _Params


class _Security(msgspec.Struct):
    scheme: str = msgspec.field(name="schemeId")
    session: str = msgspec.field(name="sessionId")


class RelayedRpc(msgspec.Struct, frozen=True):
    """A call, whose argument and context go on as they came."""

    call: RpcCall
    input: msgspec.Raw
    app: msgspec.Raw

    def __repr__(self) -> str:
        return f"RelayedRpc({self.name!r})"  # never the argument: passwords may be in it

    @property
    def name(self) -> str:
        """What is called."""
        return f"{self.call.service}.{self.call.operation}"

    @property
    def size(self) -> int:
        """Bytes of what goes on as it came."""
        return len(bytes(self.input)) + len(bytes(self.app))

    @property
    def is_long(self) -> bool:
        """It was read whole already, within what anybody may send."""
        return False

    def require_read(self) -> None:
        """There is nothing left to be read."""

    def ask(self, headers: Headers, token: Secret) -> Ask:
        """The request by the session of this token."""
        call = self.call
        security = _Security(SESSION_ID, token.reveal().strip('"'))
        body = {
            "jsonrpc": "2.0",
            "method": "invoke",
            "id": call.id,
            "params": {
                "serviceId": call.service,
                "operationId": call.operation,
                "input": self.input,
                "ctx": {"appCtx": self.app, "securityCtx": security},
            },
        }
        # Servers choose by these two, and say so where body and head disagree.
        named = (("vapi-service", call.service), ("vapi-operation", call.operation))
        return Ask(PATH, (*headers, *_JSON, *named), msgspec.json.encode(body))


def relayed_rpc(call: RpcCall, body: bytes) -> RelayedRpc:
    """The call that was read of this body, as it is sent on. Raises Malformed."""
    try:
        params = msgspec.json.decode(body.removeprefix(BOM_UTF8), type=_Body).params
    except msgspec.ValidationError:
        raise Malformed("the context of the call is no object") from None
    return RelayedRpc(call, params.input, (params.ctx or _Context()).app)
