"""The Automation API over the network: `/api`, `/rest` and JSON-RPC, as the vendor's pages show."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.basic import basic
from tests.each import each
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, NOBODY, USER, Reply, Server
from tests.security.dialects import JsonRpc

API = "/api/session"
REST = "/rest/com/vmware/cis/session"
BOTH = pytest.mark.parametrize("path", [API, REST])
TOKEN = re.compile(r"[0-9a-f]{40}")
MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

REQUIRED = "com.vmware.vapi.endpoint.method.authentication.required"
CHALLENGE = 'Basic realm="VAPI endpoint"'


def carried(token: str) -> dict[str, str]:
    return {"vmware-api-session-id": token}


def login(server: Server, path: str, person: tuple[str, str] = USER, **more: str) -> Reply:
    headers = {"Authorization": basic(*person)}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return server.request("POST", path, headers)


def token_in(reply: Reply) -> str:
    body = reply.json()
    token = body if isinstance(body, str) else body["value"]
    assert isinstance(token, str)
    return token


def message(text: str, id_: str) -> list[dict[str, Any]]:
    return [{"args": [], "default_message": text, "id": id_}]


def error_of(reply: Reply, path: str) -> dict[str, Any]:
    """The error in a reply, once its wrapping is what this face wraps errors in."""
    assert reply.header("content-type") == "application/json"
    assert reply.header("set-cookie") is None
    body = reply.json()
    if path.startswith("/api"):
        assert set(body) == {"error_type", "messages"}
        return dict(body)
    assert set(body) == {"type", "value"}
    value = dict(body["value"])
    assert body["type"] == f"com.vmware.vapi.std.errors.{value['error_type'].lower()}"
    return value


def refused(reply: Reply, path: str) -> None:
    """It is the 401 of this face, with the challenge that PowerShell waits for."""
    assert reply.status == 401
    assert reply.all("www-authenticate") == [CHALLENGE]
    assert error_of(reply, path) == {
        "error_type": "UNAUTHENTICATED",
        "messages": message("Authentication required.", REQUIRED),
    }


def recent(text: str) -> bool:
    assert MILLISECONDS.fullmatch(text)
    return abs(datetime.now(UTC) - datetime.fromisoformat(text)) < timedelta(minutes=1)


# 5.1 and 5.2: a session's life


def test_the_life_of_a_session_by_api(shared: Server) -> None:
    opened = login(shared, API)
    assert (opened.status, opened.header("content-type")) == (201, "application/json")
    assert opened.all("set-cookie") == []
    token = opened.json()
    assert TOKEN.fullmatch(token)
    look = shared.request("GET", API, carried(token))
    assert (look.status, look.header("content-type")) == (200, "application/json")
    info = look.json()
    assert set(info) == {"user", "created_time", "last_accessed_time"}
    assert info["user"] == USER[0]
    assert recent(info["created_time"])
    assert recent(info["last_accessed_time"])
    ended = shared.request("DELETE", API, carried(token))
    assert (ended.status, ended.body, ended.header("content-type")) == (204, b"", None)
    refused(shared.request("GET", API, carried(token)), API)
    refused(shared.request("DELETE", API, carried(token)), API)


def test_the_life_of_a_session_by_rest(shared: Server) -> None:
    opened = login(shared, REST)
    assert (opened.status, opened.header("content-type")) == (200, "application/json")
    assert set(opened.json()) == {"value"}
    token = opened.json()["value"]
    assert TOKEN.fullmatch(token)
    looks = [
        shared.request("GET", REST, carried(token)),
        shared.request("POST", f"{REST}?~action=get", carried(token)),
        shared.request("POST", f"{REST}?%7Eaction=get", carried(token)),
        shared.request("POST", f"{REST}?%7eaction=get", carried(token)),
    ]
    for look in looks:
        assert look.status == 200
        info = look.json()["value"]
        assert set(info) == {"user", "created_time", "last_accessed_time"}
        assert info["user"] == USER[0]
        assert recent(info["created_time"])
    used = [look.json()["value"]["last_accessed_time"] for look in looks]
    assert used == sorted(used)
    ended = shared.request("DELETE", REST, carried(token))
    assert (ended.status, ended.body) == (200, b"")
    for verb, path in (("GET", REST), ("DELETE", REST), ("POST", f"{REST}?~action=get")):
        refused(shared.request(verb, path, carried(token)), REST)


@BOTH
def test_the_user_is_shown_as_typed(path: str, shared: Server) -> None:
    for typed in ("Ursula", "CORP\\ursula", "ursula@corp.example"):
        opened = login(shared, path, (typed, USER[1]))
        info = shared.request("GET", API, carried(token_in(opened))).json()
        assert info["user"] == typed


# The cookie of /rest


def test_the_cookie_goes_no_further_than_rest(shared: Server) -> None:
    opened = login(shared, REST)
    token = token_in(opened)
    assert opened.all("set-cookie") == [
        f"vmware-api-session-id={token}; Path=/rest; HttpOnly; Secure; SameSite=Strict"
    ]
    for cookie in (
        f"vmware-api-session-id={token}",
        f'vmware-api-session-id="{token}"',
        f"other=1; vmware-api-session-id={token}; more",
    ):
        assert shared.request("GET", REST, {"Cookie": cookie}).status == 200
        # Another web page's request would carry it there too.
        refused(shared.request("GET", API, {"Cookie": cookie}), API)
    ended = shared.request("DELETE", REST, {"Cookie": f"vmware-api-session-id={token}"})
    assert ended.status == 200
    assert not shared.is_alive(token)


@pytest.mark.parametrize(
    ("wish", "cookies"), [("true", 0), ("TRUE", 0), (" true ", 0), ("false", 1), ("", 1)]
)
def test_who_wants_no_cookie_gets_none(wish: str, cookies: int, shared: Server) -> None:
    opened = login(shared, REST, vmware_use_header_authn=wish)
    assert opened.status == 200
    assert len(opened.all("set-cookie")) == cookies


def test_over_plain_http_the_cookie_is_not_secure(make_server: MakeServer) -> None:
    server = make_server(flags=("--plain-http",))
    (cookie,) = login(server, REST).all("set-cookie")
    assert cookie.endswith("; Path=/rest; HttpOnly; SameSite=Strict")


# What a login may look like


@BOTH
def test_an_empty_body_in_chunks_and_any_content_type(path: str, shared: Server) -> None:
    """As govmomi sends it."""
    answer = shared.raw(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/json\r\nAccept: application/json\r\n"
        f"vmware-use-header-authn: true\r\nAuthorization: {basic(*USER)}\r\n"
        "Connection: close\r\n\r\n0\r\n\r\n".encode()
    )
    assert re.match(rb"HTTP/1.1 20[01] ", answer)
    assert login(shared, path, content_type="text/plain").status in (200, 201)
    assert login(shared, path, accept="text/xml").status in (200, 201)


@each("path", [API, REST])
@each(
    "person",
    [(USER[0], "wrong"), (USER[0], ""), ("", USER[1]), ("nobody-knows", "x"), ("a@b@c", "x")],
)
def test_wrong_and_empty_passwords(path: str, person: tuple[str, str], shared: Server) -> None:
    refused(login(shared, path, person), path)


@each("path", [API, REST])
@each(
    "authorization",
    ["", "Basic", "Basic ???", "Basic dXJzdWxh", 'SIGN token="eJw="', "Bearer abc", "Negotiate x"],
)
def test_what_is_no_basic_credential(path: str, authorization: str, shared: Server) -> None:
    refused(shared.request("POST", path, {"Authorization": authorization}), path)
    refused(shared.request("POST", path), path)


@BOTH
def test_a_user_without_any_privilege(path: str, shared: Server) -> None:
    reply = login(shared, path, NOBODY)
    assert (reply.status, reply.header("www-authenticate")) == (403, None)
    error = error_of(reply, path)
    assert error["error_type"] == "UNAUTHORIZED"


@BOTH
def test_a_login_on_a_live_session_opens_another(path: str, shared: Server) -> None:
    """A client of the Automation API may log in as often as it likes."""
    first = token_in(login(shared, path))
    second = token_in(login(shared, path, vmware_api_session_id=first))
    assert first != second
    assert shared.is_alive(first)
    assert shared.is_alive(second)


# 5.3: other paths and verbs


@each(
    "path",
    [
        "/api/",
        "/api/session/",
        "/api/Session",
        "/api/vcenter/vms",
        "/api/vcenter/system",
        "/api/vcenter/system?action=other",
        "/api//session",
    ],
)
@each("verb", ["GET", "POST", "DELETE"])
def test_unknown_paths_below_api(verb: str, path: str, shared: Server) -> None:
    token = shared.vim_token(USER)
    reply = shared.request(verb, path, carried(token))
    assert reply.status == 404
    assert error_of(reply, path)["error_type"] == "NOT_FOUND"
    assert error_of(reply, path)["messages"][0]["id"] == "com.vmware.vapi.rest.httpNotFound"
    assert shared.is_alive(token)


@pytest.mark.parametrize(
    "path",
    ["/rest/", "/rest/vcenter/vms", f"{REST}/", "/rest/com/vmware/content/configuration?x=1"],
)
def test_unknown_paths_below_rest(path: str, shared: Server) -> None:
    reply = shared.request("GET", path)
    assert reply.status == 404
    plain = path.partition("?")[0]
    assert error_of(reply, path) == {
        "error_type": "NOT_FOUND",
        "messages": [
            {
                "args": [plain],
                "default_message": f"Unable to find operations for URL: {plain}",
                "id": "com.vmware.vapi.rest.operationsForUrlNotFound",
            }
        ],
    }


@pytest.mark.parametrize("path", ["/API/session", "/Api", "/REST/com/vmware/cis/session", "/rest"])
def test_the_letter_case_of_these_paths_counts(path: str, shared: Server) -> None:
    assert login(shared, path).status == 404


@BOTH
@pytest.mark.parametrize("verb", ["PUT", "PATCH", "OPTIONS"])
def test_other_verbs(verb: str, path: str, shared: Server) -> None:
    token = shared.vim_token(USER)
    reply = shared.request(verb, path, carried(token))
    assert (reply.status, reply.header("allow")) == (405, "POST, GET, DELETE")
    assert error_of(reply, path)["messages"][0]["id"] == "com.vmware.vapi.rest.httpMethodNotAllowed"
    assert shared.is_alive(token)


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
def test_only_post_calls_by_json_rpc(verb: str, shared: Server) -> None:
    reply = shared.request(verb, "/api")
    assert (reply.status, reply.header("allow")) == (405, "POST")
    assert error_of(reply, "/api")["error_type"] == "UNSUPPORTED"


# 5.4: JSON-RPC

PASSWORD = "com.vmware.vapi.std.security.user_pass"
SESSION = "com.vmware.vapi.std.security.session_id"
SERVICE = "com.vmware.cis.session"
NO_ONE: dict[str, str] = {}


def rpc(
    server: Server, body: object, headers: dict[str, str] = NO_ONE, *, query: str = ""
) -> dict[str, Any]:
    """The body of a reply, which is always a 200 in JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = server.request("POST", f"/api{query}", headers, sent)
    assert (reply.status, reply.header("content-type")) == (200, "application/json")
    assert reply.header("set-cookie") is None
    answer = reply.json()
    assert answer.pop("jsonrpc") == "2.0"
    return dict(answer)


def call(operation: str, security: object = None, **changes: Any) -> dict[str, Any]:
    params = {
        "serviceId": SERVICE,
        "operationId": operation,
        "input": {"STRUCTURE": {"operation-input": {}}},
        "ctx": {"appCtx": {"opId": "an-operation"}, "securityCtx": security},
    }
    return {"jsonrpc": "2.0", "method": "invoke", "id": "0", "params": params, **changes}


def by_password(person: tuple[str, str] = USER) -> dict[str, str]:
    return {"schemeId": PASSWORD, "userName": person[0], "password": person[1]}


def by_session(token: str) -> dict[str, str]:
    return {"schemeId": SESSION, "sessionId": token}


def error_named(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """The error of this name in an answer, in the shape that the vendor's client reads."""
    assert set(answer) == {"id", "result"}
    [(found, fields)] = answer["result"]["error"]["ERROR"].items()
    assert found == f"com.vmware.vapi.std.errors.{name}"
    assert fields["error_type"] == {"OPTIONAL": name.upper()}
    assert fields["data"] == {"OPTIONAL": None}
    [text] = fields["messages"]
    inner = text["STRUCTURE"]["com.vmware.vapi.std.localizable_message"]
    assert set(inner) == {"id", "default_message", "args", "params", "localized"}
    return dict(inner)


def stranger(answer: dict[str, Any]) -> None:
    assert error_named(answer, "unauthenticated")["id"] == REQUIRED


def test_the_life_of_a_session_by_json_rpc(shared: Server) -> None:
    headers = {
        "Content-Type": "application/json",
        "vapi-service": SERVICE,
        "vapi-operation": "create",
        "vapi-ctx-opid": "an-operation",
        "User-Agent": "SDK/9.1.1.0 vAPI/9.1.1.0 Python/3.11",
    }
    opened = rpc(shared, call("create", by_password()), headers)
    assert opened["id"] == "0"
    assert set(opened["result"]) == {"output"}
    token = opened["result"]["output"]["SECRET"]
    assert TOKEN.fullmatch(token)
    look = rpc(shared, call("get", by_session(token), id="1"))
    info = look["result"]["output"]["STRUCTURE"]["com.vmware.cis.session.info"]
    assert look["id"] == "1"
    assert set(info) == {"user", "created_time", "last_accessed_time"}
    assert info["user"] == USER[0]
    assert recent(info["created_time"])
    assert recent(info["last_accessed_time"])
    assert rpc(shared, call("delete", by_session(token))) == {"id": "0", "result": {"output": None}}
    stranger(rpc(shared, call("get", by_session(token))))
    stranger(rpc(shared, call("delete", by_session(token))))


@each("id_", ["0", "123", "", 0, 7, -1, 1.5, None, 2**53, "\u4e94\x00"])
def test_the_id_comes_back_as_it_was(id_: object, shared: Server) -> None:
    for body in (
        call("create", by_password(), id=id_),
        call("get", id=id_),
        call("other", id=id_),
        call("get", id=id_, params=[]),
        call("get", id=id_, method="call"),
    ):
        answer = rpc(shared, body)
        assert answer["id"] == id_
        assert type(answer["id"]) is type(id_)


def test_what_may_be_missing(shared: Server) -> None:
    """No `input` at create, no `ctx` at delete: the id comes back, and it is a 200."""
    params = {"serviceId": SERVICE, "operationId": "create"}
    security = {"ctx": {"securityCtx": by_password()}}
    answer = rpc(shared, call("create", params=params | security))
    assert TOKEN.fullmatch(answer["result"]["output"]["SECRET"])
    delete: dict[str, Any] = {"serviceId": SERVICE, "operationId": "delete"}
    contexts: list[object] = [None, {}, {"securityCtx": None}, {"securityCtx": []}, [], "x", 1]
    for params in (delete, *(delete | {"ctx": context} for context in contexts)):
        stranger(rpc(shared, call("delete", params=params, id="123")))


@each(
    "security",
    [
        None,
        {},
        {"schemeId": PASSWORD},
        {"schemeId": PASSWORD, "userName": USER[0]},
        {"schemeId": PASSWORD, "userName": USER[0], "password": ""},
        {"schemeId": PASSWORD, "userName": USER[0], "password": "wrong"},
        {"schemeId": PASSWORD, "userName": "", "password": USER[1]},
        {"schemeId": PASSWORD, "userName": [USER[0]], "password": {"a": 1}},
        {"schemeId": "com.vmware.vapi.std.security.oauth", "accessToken": "x"},
        {"schemeId": "com.vmware.vapi.std.security.saml_bearer_token", "samlToken": "<x/>"},
        {"userName": USER[0], "password": USER[1]},
        {"schemeId": SESSION, "sessionId": "52a67ed8-0f0b-1714-4534-86a177fc5158"},
    ],
)
def test_no_other_credential_opens_a_session(security: object, shared: Server) -> None:
    stranger(rpc(shared, call("create", security)))


def test_a_basic_header_is_no_credential_here(shared: Server) -> None:
    stranger(rpc(shared, call("create"), {"Authorization": basic(*USER)}))


def test_a_user_without_any_privilege_by_json_rpc(shared: Server) -> None:
    error_named(rpc(shared, call("create", by_password(NOBODY))), "unauthorized")


@pytest.mark.parametrize(
    "carry",
    [
        lambda token: (by_session(token), {}),
        lambda token: (None, {"vmware-api-session-id": token}),
        lambda token: (None, {"Cookie": f"vmware-api-session-id={token}"}),
        lambda token: (None, {"Cookie": f'vmware_soap_session="{token}"; Path=/; HttpOnly'}),
        lambda token: (by_session(token), {"vmware-api-session-id": token}),
        lambda token: (by_session(token), {"Cookie": f"vmware_soap_session={token}"}),
    ],
    ids=["context", "header", "rest cookie", "soap cookie", "two", "context and cookie"],
)
def test_where_a_session_may_be_carried(carry: Any, shared: Server) -> None:
    token = JsonRpc().token(shared, USER)
    security, headers = carry(token)
    answer = rpc(shared, call("get", security), headers)
    assert "output" in answer["result"]
    assert rpc(shared, call("delete", security), headers)["result"] == {"output": None}
    assert not shared.is_alive(token)


@pytest.mark.parametrize("found", ["", None, 5, [], "x" * 300])
def test_a_context_without_a_session_is_no_fall_back(found: object, shared: Server) -> None:
    """Whoever means to carry a session and carries none does not get the header's."""
    token = shared.vim_token(USER)
    security = {"schemeId": SESSION, "sessionId": found}
    stranger(rpc(shared, call("delete", security), carried(token)))
    assert shared.is_alive(token)


@each(
    ("body", "code", "id_"),
    [
        (b"", -32700, None),
        (b"{", -32700, None),
        (b"\xff\xfe{\x00}\x00", -32700, None),
        (b"[" * 60_000, -32700, None),
        (b"[]", -32600, None),
        (b"null", -32600, None),
        (b"[{}]", -32600, None),
        (call("get", jsonrpc="1.0"), -32600, "0"),
        (call("get", jsonrpc=None), -32600, "0"),
        (call("get", id=True), -32600, None),
        (call("get", id=[]), -32600, None),
        (call("get", method=5), -32600, "0"),
        (call("get", method="system.listMethods"), -32601, "0"),
        (call("get", params=None), -32602, "0"),
        (call("get", params=[]), -32602, "0"),
        (call("get", params={"serviceId": SERVICE}), -32602, "0"),
        (call("get", params={"serviceId": 1, "operationId": []}), -32602, "0"),
    ],
)
def test_what_is_no_call(body: object, code: int, id_: object, shared: Server) -> None:
    answer = rpc(shared, body)
    assert set(answer) == {"id", "error"}
    assert (answer["id"], answer["error"]["code"]) == (id_, code)
    assert answer["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"vapi-service": "com.vmware.vcenter.vm"},
        {"vapi-operation": "delete"},
        {"vapi-service": SERVICE, "vapi-operation": ""},
        {"vapi-service": SERVICE.upper()},
    ],
)
def test_headers_that_contradict_the_call(headers: dict[str, str], shared: Server) -> None:
    token = shared.vim_token(USER)
    answer = rpc(shared, call("get", by_session(token)), headers)
    assert (answer["id"], answer["error"]["code"]) == ("0", -31001)
    assert shared.is_alive(token)


@pytest.mark.parametrize(
    ("service", "operation"),
    [(SERVICE, "list"), (SERVICE, "CREATE"), ("com.vmware.vcenter.VM", "create"), ("", "")],
)
def test_a_service_that_is_not_here(service: str, operation: str, shared: Server) -> None:
    params = {"serviceId": service, "operationId": operation}
    answer = rpc(shared, call("get", params=params))
    error_named(answer, "operation_not_found")


def test_the_query_says_nothing(shared: Server) -> None:
    token = shared.vim_token(USER)
    stranger(rpc(shared, call("get"), query=f"?vmware-api-session-id={token}&~action=get"))


# 5.6: what the sessions of others look like here


def test_a_session_of_the_administrator_by_vi_json(shared: Server) -> None:
    token = shared.vim_token(ADMIN, locale="de")
    info = shared.request("GET", API, carried(token)).json()
    current = shared.get("currentSession", token).json()
    assert info["user"] == ADMIN[0]
    # The same moment, to the millisecond.
    assert current["loginTime"].startswith(info["created_time"].removesuffix("Z"))
