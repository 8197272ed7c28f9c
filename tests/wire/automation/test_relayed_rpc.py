"""A call of JSON-RPC that is sent on, written anew by another session."""

import json
from typing import Any

import pytest

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.automation.relayed_rpc import RelayedRpc, relayed_rpc
from sessiongate.wire.automation.vapi_rpc import RpcError, read_call

SECURITY = {"schemeId": "com.vmware.vapi.std.security.session_id", "sessionId": "ours"}
ARGUMENT = (
    '{"STRUCTURE": {"operation-input": {"n": 1.50, "big": 123456789012345678901, "u": "\u00e4"}}}'
)


def body(**more: Any) -> bytes:
    params = {
        "serviceId": "com.vmware.vcenter.VM",
        "operationId": "list",
        "ctx": {"appCtx": {"opId": "1"}, "securityCtx": SECURITY, "other": "ours"},
        "extra": {"securityCtx": SECURITY},
        **more,
    }
    call = {"jsonrpc": "2.0", "method": "invoke", "id": "7", "params": params, "more": SECURITY}
    return json.dumps(call).replace('"ARGUMENT"', ARGUMENT).encode()


def relayed(sent: bytes) -> RelayedRpc:
    return relayed_rpc(read_call(sent, None, None), sent)


def test_sec_41_what_goes_on_is_written_anew_by_another_session() -> None:
    one = relayed(b"\xef\xbb\xbf" + body(input="ARGUMENT"))
    ask = one.ask((("vapi-ctx-opid", "1"),), Secret('"theirs"'))
    assert (ask.method, ask.path) == ("POST", "/api")
    assert ARGUMENT.encode() in ask.body  # numbers as they came
    said = json.loads(ask.body)
    assert said == {
        "jsonrpc": "2.0",
        "method": "invoke",
        "id": "7",
        "params": {
            "serviceId": "com.vmware.vcenter.VM",
            "operationId": "list",
            "input": json.loads(ARGUMENT),
            "ctx": {
                "appCtx": {"opId": "1"},
                "securityCtx": {**SECURITY, "sessionId": "theirs"},
            },
        },
    }
    assert ("vapi-service", "com.vmware.vcenter.VM") in ask.headers
    assert ("vapi-operation", "list") in ask.headers
    assert (one.name, repr(one)) == (
        "com.vmware.vcenter.VM.list",
        "RelayedRpc('com.vmware.vcenter.VM.list')",
    )


def test_what_may_be_missing() -> None:
    for sent in (body(ctx=None), body(ctx={})):
        said = json.loads(relayed(sent).ask((), Secret("t")).body)["params"]
        assert said["ctx"]["appCtx"] == {}
        assert said["input"] == {"STRUCTURE": {"operation-input": {}}}


@pytest.mark.parametrize("ctx", [5, [], "x"])
def test_a_context_is_an_object(ctx: object) -> None:
    with pytest.raises(Malformed):
        relayed(body(ctx=ctx))


def test_a_member_twice_and_a_batch_are_no_calls() -> None:
    once = body()
    for sent in (
        b"[" + once + b"]",
        once.replace(b'"operationId": "list"', b'"operationId": "list", "operationId": "delete"'),
        once.replace(b'"sessionId": "ours"', b'"sessionId": "a", "sessionId": "b"'),
        once.replace(b'"jsonrpc": "2.0"', b'"jsonrpc": "2.0", "params": {}'),
    ):
        with pytest.raises(RpcError):
            read_call(sent, None, None)
