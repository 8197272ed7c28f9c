"""VI/JSON's frame: releases, paths, verbs, bodies, the property collector, hello."""

from typing import Any

import pytest

from tests.each import each
from tests.end_to_end.serving import ADMIN, OPERATOR, USER, Server, session, vim
from tests.end_to_end.test_vim_login import fault

MANAGER = {
    "_typeName": "ManagedObjectReference",
    "type": "SessionManager",
    "value": "SessionManager",
}
HELLO = "/api/vcenter/system?action=hello"


@pytest.mark.parametrize(
    "release", ["8.0.1.0", "8.0.2.0", "8.0.3.0", "9.0.0.0", "9.1.0.0", "9.2.0.0", "9.10.3.1"]
)
def test_every_release_of_the_pages_and_newer_ones(release: str, shared: Server) -> None:
    body = {"userName": USER[0], "password": USER[1]}
    assert shared.request("POST", vim("Login", release), (), body).status == 200


@each(
    "release", ["8.0.0.0", "7.0.3.0", "10.0.0.0", "9", "9.0", "x", "", "9.0.0.0.0", "-", "9.a.0.0"]
)
def test_no_such_release(release: str, shared: Server) -> None:
    body = {"userName": USER[0], "password": USER[1]}
    reply = shared.request("POST", vim("Login", release), (), body)
    # A monitoring script in the field looks for these very words.
    assert "Invalid URI" in fault(reply, "InvalidRequest")["faultstring"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/sdk/vim25/8.0.3.0/NoSuchType/x/Login", "InvalidRequest"),
        ("/sdk/vim25/8.0.3.0/SessionManager/Login", "InvalidRequest"),
        ("/sdk/vim25/8.0.3.0/SessionManager/SessionManager/Login/more", "InvalidRequest"),
        ("/sdk/vim25/8.0.3.0/SessionManager/SessionManager/", "InvalidRequest"),
        ("/sdk/vim25/8.0.3.0/SessionManager/SessionManager/login", "MethodNotFound"),
        ("/sdk/vim25/8.0.3.0/SessionManager/SessionManager/NoSuchMethod", "MethodNotFound"),
        ("/sdk/vim25/8.0.3.0/sessionmanager/SessionManager/Login", "InvalidRequest"),
        ("/sdk/vim25/8.0.3.0/SessionManager/other/Login", "ManagedObjectNotFound"),
        ("/sdk/vim25/", "InvalidRequest"),
    ],
)
def test_an_address_that_is_not_there(path: str, name: str, shared: Server) -> None:
    body = fault(shared.request("POST", path, (), {"userName": "a", "password": "b"}), name)
    if name == "ManagedObjectNotFound":
        assert body["obj"] == {**MANAGER, "value": "other"}
    if name == "MethodNotFound":
        assert body["receiver"] == MANAGER


def test_segments_may_be_percent_encoded(shared: Server) -> None:
    path = "/sdk/vim25/8.0.3.0/Session%4Danager/SessionManager/default%4Cocale"
    assert shared.request("GET", path).json() == "en"


@each("verb", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
@each("member", ["Login", "defaultLocale"])
def test_other_verbs(verb: str, member: str, shared: Server) -> None:
    reply = shared.request(verb, vim(member))
    assert reply.status == 405
    assert set((reply.header("allow") or "").split(", ")) <= {"GET", "POST"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, None),
        ({}, "{}"),
        ({}, "{}\n"),
        ({}, '{"_typeName":"AcquireCloneTicket"}\n'),
        ({}, '{"_typeName":"AcquireCloneTicketRequestType"}'),
        ({"Content-Type": "application/json"}, "{}"),
        ({"Content-Type": "text/plain"}, "{}"),
        ({"Content-Type": "application/json"}, None),
    ],
)
def test_bodies_of_a_method_without_parameters(
    headers: dict[str, str], body: str | None, shared: Server
) -> None:
    token = shared.vim_token(USER)
    reply = shared.request("POST", vim("AcquireCloneTicket"), {**session(token), **headers}, body)
    assert reply.status == 200
    assert reply.json().startswith("cst-")


def test_a_chunked_body(shared: Server) -> None:
    """govmomi streams its requests."""
    body = b'{"userName":"%s","password":"%s"}\n' % tuple(text.encode() for text in USER)
    head = f"POST {vim('Login')} HTTP/1.1\r\nHost: vc\r\nTransfer-Encoding: chunked\r\n"
    head += "Connection: close\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    answer = shared.raw(head.encode() + chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\ncontent-length: " in answer.lower()


def test_many_calls_on_one_connection(shared: Server) -> None:
    token = shared.vim_token(USER)
    with shared.connected() as client:
        counts = [
            client.request("GET", vim("currentSession"), session(token)).json()["callCount"]
            for _ in range(5)
        ]
        assert counts == [1, 2, 3, 4, 5]


# RetrievePropertiesEx, as govmomi posts it


def collect(
    server: Server, token: str | None, kind: str = "SessionManager", moid: str = "", **spec: Any
) -> Any:
    reference = {"_typeName": "ManagedObjectReference", "type": kind, "value": moid or kind}
    body = {
        "_typeName": "RetrievePropertiesEx",
        "specSet": [
            {
                "_typeName": "PropertyFilterSpec",
                "propSet": [{"_typeName": "PropertySpec", "type": kind, **spec}],
                "objectSet": [{"_typeName": "ObjectSpec", "obj": reference, "skip": False}],
            }
        ],
        "options": {"_typeName": "RetrieveOptions"},
    }
    path = "PropertyCollector/propertyCollector/RetrievePropertiesEx"
    return server.call(path, token, body)


def test_the_current_session_is_collected(shared: Server) -> None:
    token = shared.vim_token(USER)
    result = collect(shared, token, pathSet=["currentSession"]).json()
    assert result["_typeName"] == "RetrieveResult"
    assert "token" not in result
    (content,) = result["objects"]
    assert content["_typeName"] == "ObjectContent"
    assert content["obj"] == MANAGER
    assert "missingSet" not in content
    (found,) = content["propSet"]
    assert (found["_typeName"], found["name"]) == ("DynamicProperty", "currentSession")
    assert found["val"]["_typeName"] == "UserSession"
    assert found["val"]["userName"] == "ursula"


def values(content: Any) -> dict[str, Any]:
    return {one["name"]: one["val"] for one in content.get("propSet", ())}


def missing(content: Any) -> dict[str, Any]:
    return {one["path"]: one["fault"] for one in content.get("missingSet", ())}


def test_an_anonymous_caller_sees_what_may_be_seen(shared: Server) -> None:
    """As the capture of a real server has it."""
    (content,) = collect(shared, None, all=True).json()["objects"]
    assert set(values(content)) == {"defaultLocale", "messageLocaleList", "supportedLocaleList"}
    assert values(content)["defaultLocale"] == {"_typeName": "string", "_value": "en"}
    listed = values(content)["messageLocaleList"]
    assert listed["_typeName"] == "ArrayOfString"
    assert listed["_value"][:2] == ["en", "de"]
    lacking = missing(content)
    assert {path: one["fault"]["privilegeId"] for path, one in lacking.items()} == {
        "message": "System.View",
        "sessionList": "Sessions.TerminateSession",
    }
    for one in lacking.values():
        assert one["_typeName"] == "LocalizedMethodFault"
        assert one["localizedMessage"] == ""
        assert one["fault"]["_typeName"] == "NotAuthenticated"
        assert one["fault"]["object"]["type"] == "SessionManager"
    # currentSession alone: neither a value nor a complaint.
    (content,) = collect(shared, None, pathSet=["currentSession"]).json()["objects"]
    assert set(content) == {"_typeName", "obj"}


def test_a_user_misses_the_list_alone(shared: Server) -> None:
    (content,) = collect(shared, shared.vim_token(USER), all=True).json()["objects"]
    assert "currentSession" in values(content)
    (one,) = missing(content).values()
    assert one["fault"]["_typeName"] == "NoPermission"


@pytest.mark.parametrize("person", [ADMIN, OPERATOR])
def test_the_list_is_collected_for_those_who_may(person: tuple[str, str], shared: Server) -> None:
    token = shared.vim_token(person)
    (content,) = collect(shared, token, all=True).json()["objects"]
    assert missing(content) == {}
    listed = values(content)["sessionList"]
    assert listed["_typeName"] == "ArrayOfUserSession"
    key = values(content)["currentSession"]["key"]
    assert key in {one["key"] for one in listed["_value"]}


def test_other_objects_and_dotted_paths(shared: Server) -> None:
    found = collect(shared, None, "ServiceInstance", pathSet=["content.about.apiType"]).json()
    (content,) = found["objects"]
    assert values(content) == {
        "content.about.apiType": {"_typeName": "string", "_value": "VirtualCenter"}
    }
    token = shared.vim_token(USER)
    found = collect(shared, token, "Folder", "group-d1", pathSet=["name"]).json()
    assert values(found["objects"][0])["name"]["_value"]
    nobody = collect(shared, None, "Folder", "group-d2", pathSet=["name"])
    fault(nobody, "ManagedObjectNotFound")
    wrong = fault(collect(shared, None, pathSet=["noSuch"]), "InvalidProperty")
    assert wrong["name"] == "noSuch"


# Hello


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (["8.0.2.0", "8.0.1.0"], "8.0.2.0"),
        (["8.0.1.0", "8.0.2.0"], "8.0.1.0"),
        (["99.0.0.0", "9.1.0.0"], "9.1.0.0"),
        (["9.7.0.0"], "9.7.0.0"),
        (["1.0"], ""),
    ],
)
def test_hello_takes_the_first_release_that_both_know(
    asked: list[str], chosen: str, shared: Server
) -> None:
    reply = shared.request("POST", HELLO, (), {"api_releases": asked})
    assert (reply.status, reply.json()) == (200, {"api_release": chosen})


@pytest.mark.parametrize(
    "body",
    [
        None,
        "{",
        {},
        {"api_releases": []},
        {"api_releases": ["x" * 65]},
        {"api_releases": ["8.0.1.0"] * 129},
        {"api_releases": [1]},
        {"api_releases": "8.0.1.0"},
    ],
)
def test_a_hello_that_says_nothing(body: Any, shared: Server) -> None:
    reply = shared.request("POST", HELLO, (), body)
    assert (reply.status, reply.json()["error_type"]) == (400, "INVALID_ARGUMENT")


def test_hello_at_its_limits_and_by_other_verbs(shared: Server) -> None:
    body = {"api_releases": ["x" * 64] * 127 + ["8.0.1.0"]}
    assert shared.request("POST", HELLO, (), body).json() == {"api_release": "8.0.1.0"}
    assert shared.request("POST", HELLO.replace("hello", "%68ello"), (), body).status == 200
    other = shared.request("GET", HELLO)
    assert (other.status, other.header("allow")) == (405, "POST")
    assert shared.request("POST", "/api/vcenter/system?action=bye", (), body).status == 404
