"""VI/JSON's paths, bodies and replies, without a server."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import (
    Malformed,
    SessionGateError,
    UnknownAddress,
    UnknownMethod,
    UnknownObject,
    UnknownProperty,
    WrongVerb,
)
from sessiongate.secret import Secret
from sessiongate.wire.vim.faults import Fault
from sessiongate.wire.vim.json import (
    LONGEST_PATH,
    RELEASES,
    knows_release,
    read_arguments,
    read_call,
    read_path,
    to_json,
    write_fault,
    write_result,
)
from sessiongate.wire.vim.methods import METHODS, PROPERTIES, SESSION_MANAGER, Method
from sessiongate.wire.vim.types import LARGEST_LONG, Boxed, Data, Field, MoRef, Value
from tests.each import each

LOGIN = METHODS["SessionManager", "Login"]
TERMINATE = METHODS["SessionManager", "TerminateSession"]
RETRIEVE = METHODS["PropertyCollector", "RetrievePropertiesEx"]
TICKET = METHODS["SessionManager", "AcquireGenericServiceTicket"]


def method_of(*fields: Field) -> Method:
    """A method with these parameters, for types that none of ours takes."""
    return Method("Test", "Test", fields, None, "", (), "test", "")


def encoded(**members: Any) -> bytes:
    return msgspec.json.encode(members)


# Paths


@pytest.mark.parametrize("release", [*RELEASES, "9.0.1.0", "9.12.345.6"])
def test_published_and_newer_releases_are_served(release: str) -> None:
    assert knows_release(release)
    target, name = read_path(f"/sdk/vim25/{release}/SessionManager/SessionManager/Login")
    assert (target, name) == (SESSION_MANAGER, "Login")


@pytest.mark.parametrize(
    "release",
    ["", "7.0.0.0", "8.0.0.0", "8.0.4.0", "9", "9.0.0", "9.0.0.0.0", "9.0.0.1234", "10.0.0.0"],
)
def test_other_releases_are_not(release: str) -> None:
    assert not knows_release(release)
    with pytest.raises(UnknownAddress):
        read_path(f"/sdk/vim25/{release}/SessionManager/SessionManager/Login")


def test_segments_are_decoded_once() -> None:
    target, name = read_path("/sdk/vim25/8.0.3.0/A%2fB/group%2Dd1/n%2525")
    assert (target, name) == (MoRef("A/B", "group-d1"), "n%25")


@each(
    "rest",
    ["", "a/b", "a/b/c/d/e", "/b/c", "a//c", "a/b/", "a/b/%ff", "a/b/%00", "a/%0a/c", "a/b/c/"],
)
def test_paths_of_another_shape_are_unknown(rest: str) -> None:
    with pytest.raises(UnknownAddress):
        read_path(f"/sdk/vim25/8.0.3.0/{rest}")


def test_sec_73_a_path_is_no_longer_than_any_of_ours() -> None:
    """64 KiB of percent signs took 30 ms of everybody's time."""
    begun = "/sdk/vim25/8.0.3.0/A/b/"
    room = LONGEST_PATH - len(begun)
    assert read_path(begun + "%" * room)[1] == "%" * room
    with pytest.raises(UnknownAddress):
        read_path(begun + "%" * (room + 1))


def test_a_call_is_a_method_or_a_property() -> None:
    assert read_call("POST", SESSION_MANAGER, "Login").member is LOGIN
    found = read_call("GET", SESSION_MANAGER, "currentSession").member
    assert found is PROPERTIES["SessionManager", "currentSession"]


@pytest.mark.parametrize(
    ("verb", "target", "name", "error"),
    [
        ("POST", MoRef("Nonesuch", "x"), "Login", UnknownAddress),
        ("POST", MoRef("SessionManager", "x"), "Login", UnknownObject),
        ("POST", SESSION_MANAGER, "login", UnknownMethod),
        ("GET", SESSION_MANAGER, "nonesuch", UnknownProperty),
        ("GET", SESSION_MANAGER, "Login", WrongVerb),
        ("POST", SESSION_MANAGER, "currentSession", WrongVerb),
    ],
)
def test_calls_that_do_not_exist(
    verb: str, target: MoRef, name: str, error: type[SessionGateError]
) -> None:
    with pytest.raises(error):
        read_call(verb, target, name)


def test_a_wrong_verb_says_the_right_one() -> None:
    with pytest.raises(WrongVerb) as refusal:
        read_call("GET", SESSION_MANAGER, "Login")
    assert refusal.value.allowed == ("POST",)
    with pytest.raises(WrongVerb) as refusal:
        read_call("POST", SESSION_MANAGER, "sessionList")
    assert refusal.value.allowed == ("GET",)


@given(st.text(st.characters(codec="ascii")), st.sampled_from(["GET", "POST"]))
def test_any_path_is_a_call_or_unknown(rest: str, verb: str) -> None:
    """Whatever the path, we get a call of our tables or an error that says it is none."""
    try:
        call = read_call(verb, *read_path(f"/sdk/vim25/8.0.3.0/{rest}"))
    except (UnknownAddress, UnknownObject, UnknownMethod, UnknownProperty, WrongVerb):
        return
    assert (call.member.on, call.member.name) in METHODS.keys() | PROPERTIES.keys()


# Bodies


def test_a_login_is_read_and_its_password_is_a_secret() -> None:
    body = encoded(userName="root", password="s3cret", locale="en_US", _typeName="x", more=[1])
    found = read_arguments(LOGIN, body)
    assert (found["user_name"], found["locale"]) == ("root", "en_US")
    assert isinstance(found["password"], Secret)
    assert found["password"].reveal() == "s3cret"
    assert found.keys() == {"user_name", "password", "locale"}


def test_an_optional_member_may_be_absent_or_null() -> None:
    for body in (
        encoded(userName="a", password="b"),
        encoded(userName="a", password="b", locale=None),
    ):
        assert "locale" not in read_arguments(LOGIN, body)


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}"])
def test_no_body_is_an_empty_object(body: bytes) -> None:
    assert read_arguments(METHODS["SessionManager", "Logout"], body) == {}


@each(
    "body",
    [
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b'"x"',
        encoded(userName="root"),
        encoded(userName="root", password=None),
        encoded(userName=1, password="hunter2"),
        encoded(userName="root", password=["hunter2"]),
        encoded(userName={}, password="hunter2"),
        encoded(userName="root", password="hunter2", locale=True),
    ],
)
def test_a_login_that_is_none_is_malformed_and_not_repeated(body: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_arguments(LOGIN, body)
    assert "hunter2" not in str(refusal.value)


def test_arrays() -> None:
    assert read_arguments(TERMINATE, encoded(sessionId=["a", "b"])) == {"session_id": ["a", "b"]}
    assert read_arguments(TERMINATE, encoded(sessionId=[])) == {"session_id": []}


@pytest.mark.parametrize("raw", ["a", {}, ["a", 1], [None]])
def test_what_is_no_array_of_its_type_is_malformed(raw: object) -> None:
    with pytest.raises(Malformed):
        read_arguments(TERMINATE, encoded(sessionId=raw))


SPEC = {
    "propSet": [{"type": "SessionManager", "pathSet": ["message"], "all": False}],
    "objectSet": [{"obj": {"type": "SessionManager", "value": "SessionManager"}}],
}


def test_data_objects_inside_data_objects() -> None:
    found = read_arguments(RETRIEVE, encoded(specSet=[SPEC], options={"maxObjects": 5}))
    assert found == {
        "spec_set": [
            Data(
                "PropertyFilterSpec",
                {
                    "propSet": [
                        Data(
                            "PropertySpec",
                            {"type": "SessionManager", "all": False, "pathSet": ["message"]},
                        )
                    ],
                    "objectSet": [Data("ObjectSpec", {"obj": SESSION_MANAGER})],
                },
            )
        ],
        "options": Data("RetrieveOptions", {"maxObjects": 5}),
    }


def test_a_more_special_type_may_stand_for_a_general_one() -> None:
    spec = {
        "_typeName": "SessionManagerHttpServiceRequestSpec",
        "url": "https://x",
        "method": "httpGet",
    }
    found = read_arguments(TICKET, encoded(spec=spec))["spec"]
    assert found == Data(
        "SessionManagerHttpServiceRequestSpec", {"method": "httpGet", "url": "https://x"}
    )
    assert read_arguments(TICKET, encoded(spec={}))["spec"].members == {}


@pytest.mark.parametrize("named", ["UserSession", "nonesuch", 1, None, ["a"]])
def test_another_type_may_not(named: object) -> None:
    with pytest.raises(Malformed):
        read_arguments(TICKET, encoded(spec={"_typeName": named}))


@each(
    ("kind", "raw", "value"),
    [
        ("string", "a", "a"),
        ("boolean", True, True),
        ("int", 7, 7),
        ("long", LARGEST_LONG, LARGEST_LONG),
        ("long", -LARGEST_LONG, -LARGEST_LONG),
        ("base64Binary", "AQI=", b"\x01\x02"),
        ("dateTime", "2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("dateTime", "2026-01-02T03:04:05.5+01:00", datetime(2026, 1, 2, 2, 4, 5, 500000, UTC)),
        ("dateTime", "2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("ManagedObjectReference", {"type": "a", "value": "b"}, MoRef("a", "b")),
    ],
)
def test_values_of_every_type(kind: str, raw: object, value: Value) -> None:
    assert read_arguments(method_of(Field("it", kind)), encoded(it=raw)) == {"it": value}


@each(
    ("kind", "raw"),
    [
        ("string", 1),
        ("boolean", 1),
        ("boolean", "true"),
        ("int", True),
        ("int", 1.5),
        ("int", "1"),
        ("long", LARGEST_LONG + 1),
        ("base64Binary", "A"),
        ("base64Binary", "AQI=!"),
        ("base64Binary", "ü"),
        ("base64Binary", 1),
        ("dateTime", "yesterday"),
        ("dateTime", "0001-01-01T00:00:00+14:00"),
        ("dateTime", 1),
        ("ManagedObjectReference", {"type": "a"}),
        ("ManagedObjectReference", {"type": "a", "value": 1}),
        ("ManagedObjectReference", "a"),
        ("UserSession", "a"),
        ("nonesuch", {}),
    ],
)
def test_values_of_another_type_are_malformed(kind: str, raw: object) -> None:
    with pytest.raises(Malformed, match="it"):
        read_arguments(method_of(Field("it", kind)), encoded(it=raw))


def test_depth_is_bounded() -> None:
    raw: dict[str, object] = {}
    for _ in range(20):
        raw = {"faultCause": {"fault": raw}}
    with pytest.raises(Malformed, match="deep"):
        read_arguments(method_of(Field("it", "MethodFault")), encoded(it=raw))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "value", "_typeName", "propSet", "objectSet", "obj", "pathSet"]
            ),
            inner,
        )
    ),
    max_leaves=10,
)


@pytest.mark.slow
@given(
    st.sampled_from(sorted(METHODS)),
    st.dictionaries(
        st.sampled_from(["userName", "password", "specSet", "spec", "sessionId", "locale"]),
        json_values,
    ).map(lambda raw: json.dumps(raw).encode())
    | st.binary(),
)
def test_any_body_gives_arguments_or_malformed(which: tuple[str, str], body: bytes) -> None:
    """Whatever the body, we get keywords of the method's own parameters or Malformed."""
    method = METHODS[which]
    try:
        found = read_arguments(method, body)
    except Malformed:
        return
    for param in method.params:
        name = next((one for one in found if one.replace("_", "") == param.name.lower()), None)
        assert name is not None or param.optional
        if name is not None and param.secret:
            assert isinstance(found[name], Secret)
    assert len(found) <= len(method.params)


# Replies


@each(
    ("value", "written"),
    [
        ("text", "text"),
        (True, True),
        (7, 7),
        (b"\x01\x02", "AQI="),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (["a", 1], ["a", 1]),
        (
            MoRef("Folder", "group-d1"),
            {"_typeName": "ManagedObjectReference", "type": "Folder", "value": "group-d1"},
        ),
        (Data("T", {"a": [Data("U", {})]}), {"_typeName": "T", "a": [{"_typeName": "U"}]}),
        (Boxed("string", "a"), {"_typeName": "string", "_value": "a"}),
        (Boxed("base64Binary", b"\0"), {"_typeName": "binary", "_value": "AA=="}),
        (Boxed("T", Data("T", {})), {"_typeName": "T"}),
        (
            Boxed("ManagedObjectReference", MoRef("a", "b")),
            {"_typeName": "ManagedObjectReference", "type": "a", "value": "b"},
        ),
        (
            Boxed("string", ["a"], array=True),
            {"_typeName": "ArrayOfString", "_value": ["a"]},
        ),
        (
            Boxed("UserSession", [Data("UserSession", {})], array=True),
            {"_typeName": "ArrayOfUserSession", "_value": [{"_typeName": "UserSession"}]},
        ),
    ],
)
def test_values_as_json(value: Value, written: object) -> None:
    assert to_json(value) == written
    assert json.loads(write_result(value)) == written


def test_an_unset_result_is_null() -> None:
    assert write_result(None) == b"null"
    assert write_result([]) == b"[]"
    assert write_result("") == b'""'


def test_a_fault_carries_its_sentence() -> None:
    fault = Fault(Data("InvalidLogin", {}), "Cannot complete login.", 500)
    assert json.loads(write_fault(fault)) == {
        "_typeName": "InvalidLogin",
        "faultstring": "Cannot complete login.",
    }
