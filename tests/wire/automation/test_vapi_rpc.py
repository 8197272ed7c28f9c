"""vAPI JSON-RPC's calls and results, without a server."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import BadCredentials, NoPermission, NoSession
from sessiongate.secret import Secret
from sessiongate.wire.automation.vapi_rpc import (
    DISAGREE,
    INVALID_PARAMS,
    INVALID_REQUEST,
    NO_METHOD,
    PARSE,
    SERVICE,
    RpcCall,
    RpcError,
    created,
    credential,
    info,
    read_call,
    session_id,
    write_no_operation,
    write_output,
    write_refusal,
    write_rpc_error,
)
from tests.each import each

PASSWORD = "com.vmware.vapi.std.security.user_pass"
SESSION = "com.vmware.vapi.std.security.session_id"


def body(security: object = None, **changes: Any) -> bytes:
    params = {
        "serviceId": SERVICE,
        "operationId": "create",
        "ctx": {"appCtx": {}, "securityCtx": security},
        "input": {"STRUCTURE": {"operation-input": {}}},
    }
    call = {"jsonrpc": "2.0", "method": "invoke", "id": "1", "params": params, **changes}
    return json.dumps(call).encode()


def call_with(**security: object) -> RpcCall:
    return read_call(body(security), None, None)


def test_a_call_is_read() -> None:
    call = read_call(body({"schemeId": PASSWORD}), SERVICE, "create")
    assert call == RpcCall("1", SERVICE, "create", {"schemeId": PASSWORD})
    assert read_call(body(), None, None).security == {}
    without = body(params={"serviceId": "s", "operationId": "o", "ctx": None})
    assert read_call(without, None, "o") == RpcCall("1", "s", "o", {})


@each(
    ("raw", "code", "id_"),
    [
        (b"", PARSE, None),
        (b"{", PARSE, None),
        (b"\xff", PARSE, None),
        (b"[" * 100_000, PARSE, None),
        (b"[]", INVALID_REQUEST, None),
        (body(id=True), INVALID_REQUEST, None),
        (body(id={}), INVALID_REQUEST, None),
        (body(id="x" * 257), INVALID_REQUEST, None),
        (body(jsonrpc="1.0"), INVALID_REQUEST, "1"),
        (body(method=1, id=7), INVALID_REQUEST, 7),
        (body(method="call"), NO_METHOD, "1"),
        (body(params=[]), INVALID_PARAMS, "1"),
        (body(params={"serviceId": SERVICE}), INVALID_PARAMS, "1"),
        (body(params={"serviceId": 1, "operationId": "x"}), INVALID_PARAMS, "1"),
    ],
)
def test_what_is_no_call(raw: bytes, code: int, id_: object) -> None:
    with pytest.raises(RpcError) as refusal:
        read_call(raw, None, None)
    assert (refusal.value.code, refusal.value.id) == (code, id_)
    written = json.loads(write_rpc_error(refusal.value))
    assert written == {
        "jsonrpc": "2.0",
        "id": id_,
        "error": {"code": code, "message": refusal.value.message},
    }


@pytest.mark.parametrize(
    ("service", "operation"), [("other", "create"), (SERVICE, "get"), (None, "")]
)
def test_headers_and_body_must_agree(service: str | None, operation: str) -> None:
    with pytest.raises(RpcError) as refusal:
        read_call(body(), service, operation)
    assert refusal.value.code == DISAGREE


@pytest.mark.slow
@given(
    st.one_of(
        st.binary(),
        st.dictionaries(
            st.sampled_from(["jsonrpc", "method", "id", "params", "ctx", "serviceId"]),
            st.none()
            | st.text()
            | st.integers()
            | st.floats()
            | st.dictionaries(st.text(), st.text()),
        ).map(lambda changes: body(**changes)),
    )
)
def test_any_body_is_a_call_or_an_error_that_can_be_written(raw: bytes) -> None:
    """Whatever the body, we get a call or an RpcError, and either can be answered."""
    try:
        call = read_call(raw, None, None)
    except RpcError as error:
        answer = write_rpc_error(error)
    else:
        answer = write_output(call, None)
    assert json.loads(answer)["jsonrpc"] == "2.0"


def test_a_credential_is_read_as_a_secret() -> None:
    call = call_with(schemeId=PASSWORD, userName="ada", password="hunter2")
    name, password = credential(call)
    assert (name, password.reveal()) == ("ada", "hunter2")


@pytest.mark.parametrize(
    "security",
    [
        {},
        {"schemeId": SESSION, "userName": "ada", "password": "hunter2"},
        {"schemeId": PASSWORD, "userName": "ada"},
        {"schemeId": PASSWORD, "userName": 1, "password": "hunter2"},
        {"schemeId": PASSWORD, "userName": "ada", "password": None},
    ],
)
def test_any_other_is_refused_and_not_repeated(security: dict[str, object]) -> None:
    with pytest.raises(BadCredentials) as refusal:
        credential(call_with(**security))
    assert "hunter2" not in str(refusal.value)


def test_a_session_is_carried_or_not() -> None:
    assert session_id(call_with(schemeId=SESSION, sessionId="abc")) == "abc"
    assert session_id(call_with()) is None
    nobody = "com.vmware.vapi.std.security.no_authentication"
    assert session_id(call_with(schemeId=nobody)) is None
    for other in (PASSWORD, "com.vmware.vapi.std.security.bearer_token", "", None, 1):
        with pytest.raises(NoSession):
            session_id(call_with(schemeId=other, sessionId="abc"))
    for wrong in (None, "", 1):
        with pytest.raises(NoSession):
            session_id(call_with(schemeId=SESSION, sessionId=wrong))


CALL = RpcCall(1, SERVICE, "create", {})


def result(written: bytes) -> Any:
    found = json.loads(written)
    assert (found["jsonrpc"], found["id"]) == ("2.0", 1)
    return found["result"]


def test_results() -> None:
    assert result(write_output(CALL, created(Secret("abc")))) == {"output": {"SECRET": "abc"}}
    assert result(write_output(CALL, info({"user": "ada"}))) == {
        "output": {"STRUCTURE": {"com.vmware.cis.session.info": {"user": "ada"}}}
    }
    assert result(write_output(CALL, None)) == {"output": None}


def error_of(written: bytes) -> tuple[str, dict[str, Any]]:
    [(name, fields)] = result(written)["error"]["ERROR"].items()
    return name, fields


def test_refusals_are_results() -> None:
    name, fields = error_of(write_refusal(CALL, NoSession("for us alone")))
    assert name == "com.vmware.vapi.std.errors.unauthenticated"
    assert fields["error_type"] == {"OPTIONAL": "UNAUTHENTICATED"}
    assert fields["challenge"] == {"OPTIONAL": None}
    [message] = fields["messages"]
    [text] = message["STRUCTURE"].values()
    assert text["default_message"] == "Authentication required."
    name, fields = error_of(write_refusal(CALL, NoPermission("System.View")))
    assert name == "com.vmware.vapi.std.errors.unauthorized"
    assert "challenge" not in fields
    assert error_of(write_refusal(CALL, None))[0].endswith(".internal_server_error")
    assert error_of(write_no_operation(CALL))[0].endswith(".operation_not_found")
