"""A request in VI/JSON that is sent on: what it asks, how it is written, and what is refused."""

import json
from string import ascii_letters, digits
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiongate.errors import (
    Malformed,
    Refused,
    UnknownAddress,
    UnknownMethod,
    UnknownProperty,
    WrongVerb,
)
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.relayed_json import read_address, read_relayed, write_ask
from sessiongate.wire.vim.types import MoRef
from tests.each import each

OURS = "52a67ed8-0f0b-1714-4534-86a177fc5158"
THEIRS = "5277beef-0000-4534-1714-000000000001"
VIEW = f"session[{OURS}]view-1"
COLLECTOR = "PropertyCollector/propertyCollector"


def read(member: str, body: Any = None, verb: str = "POST", *, known: bool = False) -> Relayed:
    address = read_address(verb, f"/sdk/vim25/8.0.3.0/{member}")
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_relayed(address, sent, known=known, operation_id="op-1")


def ref(kind: str, name: str) -> dict[str, str]:
    return {"_typeName": "ManagedObjectReference", "type": kind, "value": name}


def theirs(request: Relayed) -> dict[Place, str]:
    places = (*request.references, *request.session_ids)
    return {one: one.text.replace(OURS, THEIRS) for one in places}


RETRIEVE: Any = {
    "specSet": [
        {
            "propSet": [
                {"type": "VirtualMachine", "pathSet": ["name", " config"]},
                {"type": "Folder", "all": True},
                {"type": "Datastore", "all": False, "pathSet": None},
            ],
            "objectSet": [
                {
                    "obj": {"value": VIEW, "type": "ContainerView"},
                    "skip": True,
                    "selectSet": [
                        {
                            "_typeName": "TraversalSpec",
                            "type": "ContainerView",
                            "path": "view",
                            "selectSet": [{"name": "b"}, {"type": "Folder", "path": "childEntity"}],
                        }
                    ],
                }
            ],
        }
    ],
    "options": {"maxObjects": 10},
}


def test_a_read_of_properties_is_taken_apart() -> None:
    request = read(f"{COLLECTOR}/RetrievePropertiesEx", RETRIEVE)
    assert (request.method, request.operation_id) == ("RetrievePropertiesEx", "op-1")
    assert request.target == MoRef("PropertyCollector", "propertyCollector")
    assert request.objects == (MoRef("ContainerView", VIEW),)
    assert request.paths == (
        ("VirtualMachine", "name"),
        ("VirtualMachine", "config"),
        ("Folder", ""),
    )
    assert set(request.steps) == {("ContainerView", "view"), ("", ""), ("Folder", "childEntity")}
    assert [one.text for one in request.references] == [VIEW]
    assert {"propertyCollector", VIEW} <= request.named
    assert request.pages
    assert not request.is_about_sessions
    assert not request.names_session_manager


def test_a_filter_is_taken_apart_alike() -> None:
    request = read(f"{COLLECTOR}/CreateFilter", {"spec": RETRIEVE["specSet"][0]})
    assert request.objects == (MoRef("ContainerView", VIEW),)
    assert ("Folder", "") in request.paths
    assert ("ContainerView", "view") in request.steps
    # What another method calls so is its own business.
    clone = read("VirtualMachine/vm-1/CloneVM_Task", {"spec": {"objectSet": 5, "path": {}}})
    assert (clone.objects, clone.paths, clone.steps) == ((), (), ())


def test_a_property_is_read_without_a_body() -> None:
    request = read("ContainerView/session%5Bx%5Dview-1/view", verb="GET")
    assert request.method == "Fetch"
    assert request.paths == (("", "view"),)
    assert [one.text for one in request.references] == ["session[x]view-1"]
    assert request.document == b""
    ask = write_ask(request, {request.this: "session[y]view-1"}, ())
    assert (ask.method, ask.body) == ("GET", b"")
    assert ask.path == "/sdk/vim25/8.0.3.0/ContainerView/session%5By%5Dview-1/view"
    with pytest.raises(Malformed):
        read("Folder/group-d1/name", {}, verb="GET")


def test_what_is_sent_is_written_from_what_was_read() -> None:
    body = ' { "name" : "\\u0061\\u00e9" , "_typeName":"CreateFolderRequestType", "n": 1.50 } '
    request = read("Folder/group-d1/CreateFolder", body.encode())
    written = '{"name":"aé","_typeName":"CreateFolderRequestType","n":1.5}'
    assert request.document == written.encode()
    ask = write_ask(request, {}, (("a", "b"),))
    assert (ask.method, ask.body, ask.headers) == ("POST", written.encode(), (("a", "b"),))
    assert ask.path == "/sdk/vim25/8.0.3.0/Folder/group-d1/CreateFolder"
    for nothing in (b"", b" \r\n", b"{}"):
        assert read("Folder/group-d1/Destroy_Task", nothing).document == b"{}"


def test_keys_are_rewritten_where_they_are_references_and_nowhere_else() -> None:
    note = f"see {VIEW} and {OURS}"
    request = read(
        "ListView/lists/ModifyListView",
        {
            "note": note,
            "sessionId": OURS,
            "more": {"sessionId": [OURS, "another", ""], VIEW: 1},
            "add": [ref("View", VIEW), {"value": VIEW, "type": "View"}, {"value": f"{VIEW}é"}],
        },
    )
    assert len(request.references) == 3
    assert [one.text for one in request.session_ids].count(OURS) == 2
    sent = json.loads(write_ask(request, theirs(request), ()).body)
    there = VIEW.replace(OURS, THEIRS)
    assert sent == {
        "note": note,
        "sessionId": THEIRS,
        "more": {"sessionId": [THEIRS, "another", ""], VIEW: 1},
        "add": [ref("View", there), {"value": there, "type": "View"}, {"value": f"{there}é"}],
    }


def test_however_a_reference_is_spelled_it_is_one() -> None:
    escaped = "".join(f"\\u{ord(one):04x}" for one in VIEW)
    spelled = f'{{"entity":{{"type":"View","value":"{escaped}"}}}}'.encode()
    request = read("Folder/group-d1/X", spelled)
    assert [one.text for one in request.references] == [VIEW]
    assert b"\\u" not in request.document
    assert [
        one.text for one in read("Folder/group-d1/X", [VIEW, "x"][0:0] or {"a": VIEW}).references
    ]


def test_the_object_of_a_call_may_become_another() -> None:
    request = read(f"{COLLECTOR}/WaitForUpdatesEx", {"version": ""})
    ask = write_ask(request, {request.this: f"session[{THEIRS}]own"}, ())
    assert ask.path == (
        f"/sdk/vim25/8.0.3.0/PropertyCollector/session%5B{THEIRS}%5Down/WaitForUpdatesEx"
    )
    assert ask.body == request.document


def test_what_comes_in_the_place_of_a_text_is_a_text_too() -> None:
    request = read("Folder/group-d1/X", {"entity": ref("View", VIEW)})
    ask = write_ask(request, {request.references[0]: 'a"\\\n/b'}, ())
    assert json.loads(ask.body)["entity"]["value"] == 'a"\\\n/b'
    away = write_ask(request, {request.this: "a/../b?c%"}, ())
    assert away.path == "/sdk/vim25/8.0.3.0/Folder/a%2F..%2Fb%3Fc%25/X"


IDS = {
    "group-d1": "group-d1",
    "session[x]view-1": "session%5Bx%5Dview-1",
    "session%5Bx%5Dview-1": "session%5Bx%5Dview-1",
    "session%5bx%5dview-1": "session%5Bx%5Dview-1",
    "domain-c8:0f8f": "domain-c8:0f8f",
    "domain-c8%3A0f8f": "domain-c8:0f8f",
    "a...b": "a...b",
}


@each("written, sent", IDS.items())
def test_an_id_is_sent_in_one_spelling(written: str, sent: str) -> None:
    request = read(f"View/{written}/X")
    assert write_ask(request, {}, ()).path == f"/sdk/vim25/8.0.3.0/View/{sent}/X"


def _refused_paths() -> dict[str, tuple[str, str, type[Refused]]]:
    good = "/sdk/vim25/8.0.3.0/Folder/group-d1/CreateFolder"
    cases: dict[str, tuple[str, str, type[Refused]]] = {
        "too short": ("POST", "/sdk/vim25/8.0.3.0/Folder/group-d1", UnknownAddress),
        "too long": ("POST", f"{good}/more", UnknownAddress),
        "a slash behind": ("POST", f"{good}/", UnknownAddress),
        "no end": ("POST", f"/sdk/vim25/8.0.3.0/Folder/{'a' * 3000}/X", UnknownAddress),
        "no release": ("POST", good.replace("8.0.3.0", "release"), UnknownAddress),
        "an encoded release": ("POST", good.replace("8.0", "8%2E0"), UnknownAddress),
        "an encoded type": ("POST", good.replace("Folder/", "Fol%64er/"), UnknownAddress),
        "another verb": ("PUT", good, WrongVerb),
        "a question about it": ("HEAD", good, WrongVerb),
        "an encoded method": ("POST", good.replace("Create", "Cre%61te"), UnknownMethod),
        "a method with more in it": ("POST", f"{good}?", UnknownMethod),
        "a read as a method": ("POST", good.replace("CreateFolder", "Fetch"), UnknownMethod),
        "a method by GET": ("GET", good, UnknownProperty),
        "a task by GET": ("GET", good.replace("CreateFolder", "setMode_Task"), UnknownProperty),
        "a method in small letters by GET": (
            "GET",
            good.replace("CreateFolder", "startDpuFailover"),
            UnknownProperty,
        ),
        "a path by GET": ("GET", good.replace("CreateFolder", "config.name"), UnknownProperty),
    }
    for name, written in {
        "an id encoded twice": "session%255Bx%255Dv",
        "a letter that is encoded": "%67roup-d1",
        "a dot that is encoded": "a%2eb",
        "a slash": "a%2Fb",
        "a backslash": "a%5Cb",
        "a percent sign alone": "a%",
        "no number behind it": "a%zz",
        "nothing": "",
        "this folder": ".",
        "the folder above": "..",
        "a space": "a%20b",
        "a line's end": "a%0Ab",
        "NUL": "a%00",
        "no UTF-8": "a%C0%AF",
        "an umlaut": "a%C3%BC",
        "raw letters of elsewhere": "aü",
        "a question mark": "a%3F",
        "a quote": "a%22",
    }.items():
        cases[f"id: {name}"] = (
            "POST",
            f"/sdk/vim25/8.0.3.0/Folder/{written}/CreateFolder",
            UnknownAddress,
        )
    return cases


@each("verb, path, error", _refused_paths().values(), _refused_paths().keys())
def test_sec_38_a_path_that_could_be_two_is_refused(
    verb: str, path: str, error: type[Refused]
) -> None:
    with pytest.raises(error):
        read_address(verb, path)


BODIES: dict[str, Any] = {
    "no JSON": b"hello",
    "no object": b"[]",
    "a text": b'"a"',
    "two objects": b"{}{}",
    "a member twice": b'{"name":"a","name":"b"}',
    "a member twice, spelled otherwise": b'{"name":"a","nam\\u0065":"b"}',
    "a member twice, further in": b'{"a":[{"value":"a","value":"b"}]}',
    "other letters": {"a": [{"Value": VIEW}]},
    "other letters, of a specification": {"SpecSet": []},
    "a mark in front": b"\xef\xbb\xbf{}",
    "a mark and nothing": b"\xef\xbb\xbf",
    "UTF-16": "{}".encode("utf-16"),
    "UTF-16 without a mark": "{}".encode("utf-16le"),
    "no UTF-8": b'{"a":"\xff"}',
    "half a pair": b'{"a":"\\ud800"}',
    "too deep": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "far too deep": b'{"a":' + b"[" * 200_000,
    "another method": {"_typeName": "Logout"},
    "another method's request": {"_typeName": "LogoutRequestType"},
    "no name of a method": {"_typeName": 5},
    "white space around a reference": {"a": f" {VIEW}"},
    "a quote in a reference": {"a": 'session["]'},
    "white space around a key": {"sessionId": f"{OURS} "},
}


@each("body", BODIES.values(), BODIES.keys())
def test_sec_38_a_body_that_could_be_two_is_refused(body: Any) -> None:
    with pytest.raises(Malformed):
        read("Folder/group-d1/Rename_Task", body)
    if isinstance(body, bytes) and body.startswith(b"\xef"):
        with pytest.raises(Malformed):
            read("Folder/group-d1/name", body, verb="GET")


def _with(change: Any, *path: Any) -> Any:
    spec = json.loads(json.dumps(RETRIEVE))
    holder = spec
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = change
    return spec


SPECS = {
    "one specification": _with({}, "specSet"),
    "specifications that are none": _with([5], "specSet"),
    "a filter's": _with([], "spec"),
    "properties": _with({}, "specSet", 0, "propSet"),
    "a type": _with(["Folder"], "specSet", 0, "propSet", 0, "type"),
    "all": _with(1, "specSet", 0, "propSet", 0, "all"),
    "all, as a text": _with("true", "specSet", 0, "propSet", 0, "all"),
    "a path": _with("viewList", "specSet", 0, "propSet", 0, "pathSet"),
    "a path that is none": _with([["viewList"]], "specSet", 0, "propSet", 0, "pathSet"),
    "objects": _with({}, "specSet", 0, "objectSet"),
    "an object": _with([ref("View", "a")], "specSet", 0, "objectSet", 0, "obj"),
    "an id": _with({"type": "View", "value": 5}, "specSet", 0, "objectSet", 0, "obj"),
    "steps": _with({}, "specSet", 0, "objectSet", 0, "selectSet"),
    "a step": _with(["view"], "specSet", 0, "objectSet", 0, "selectSet"),
    "a step further on": _with(
        {"path": "viewList"}, "specSet", 0, "objectSet", 0, "selectSet", 0, "selectSet"
    ),
    "a step's path": _with(5, "specSet", 0, "objectSet", 0, "selectSet", 0, "path"),
}


@each("body", SPECS.values(), SPECS.keys())
def test_what_is_judged_is_of_its_type(body: Any) -> None:
    with pytest.raises(Malformed):
        read(f"{COLLECTOR}/RetrievePropertiesEx", body)


@each("said", ["X_Task", "X_TaskRequestType", "XRequestType"])
def test_a_body_may_name_the_method_of_the_path(said: str) -> None:
    assert read("Folder/group-d1/X_Task", {"_typeName": said}).method == "X_Task"


def test_the_session_in_a_guest_is_none_of_ours() -> None:
    request = read("GuestAuthManager/a/AcquireCredentialsInGuest", {"sessionID": 5})
    assert request.session_ids == ()


def test_pages_have_tokens() -> None:
    page = read(f"{COLLECTOR}/ContinueRetrievePropertiesEx", {"token": "42"})
    assert (page.token, page.pages) == ("42", False)
    assert read("Folder/group-d1/X", {"token": {"a": 1}}).token == ""
    with pytest.raises(Malformed):
        read(f"{COLLECTOR}/CancelRetrievePropertiesEx", {"token": 42})


@each(
    "named",
    [
        *("SessionManager/SessionManager", "Folder/SessionManager", "SessionManager/other"),
        "Folder/sessionmanager",
    ],
)
def test_the_session_manager_is_known_by_id_and_by_type(named: str) -> None:
    assert read_address("POST", f"/sdk/vim25/8.0.3.0/{named}/Logout").is_about_sessions
    assert read_address("GET", f"/sdk/vim25/8.0.3.0/{named}/sessionList").is_about_sessions
    assert not read_address("GET", "/sdk/vim25/8.0.3.0/Folder/group-d1/name").is_about_sessions
    assert read(f"{named}/sessionList", verb="GET").names_session_manager


def test_a_read_of_the_session_manager_alone_is_about_sessions() -> None:
    spec = _with({"type": "SessionManager", "value": "SessionManager"}, *OBJ)
    assert not read(f"{COLLECTOR}/RetrievePropertiesEx", spec).is_about_sessions  # it goes on
    del spec["specSet"][0]["objectSet"][0]["selectSet"]
    assert read(f"{COLLECTOR}/RetrievePropertiesEx", spec).is_about_sessions


OBJ = ("specSet", 0, "objectSet", 0, "obj")


@each(
    "body",
    [
        {"a": ref("X", "SessionManager")},
        {"a": "sessionmanager"},
        {"a": ["SessionManager "]},
        _with("content.sessionManager", "specSet", 0, "objectSet", 0, "selectSet", 0, "path"),
    ],
    str,
)
def test_sec_92_nothing_leads_to_the_session_manager_in_json(body: Any) -> None:
    assert read(f"{COLLECTOR}/RetrievePropertiesEx", body).names_session_manager


def test_it_does_not_show_what_it_holds() -> None:
    request = read("GuestOperationsManager/x/LoginInGuest", {"password": "canary"})
    assert "canary" not in repr(request)
    assert "canary" not in repr(write_ask(request, {}, ()))


def test_known_callers_may_name_thousands_of_things() -> None:
    body = {"entity": [ref("VirtualMachine", f"vm-{number}") for number in range(4900)]}
    with pytest.raises(Malformed):
        read("Folder/group-d1/X", body)
    assert len(read("Folder/group-d1/X", body, known=True).named) == 4901
    with pytest.raises(Malformed):
        read("Folder/group-d1/X", b'{"a":"%b"}' % (b"b" * 8 * 1024 * 1024), known=True)
    with pytest.raises(Malformed):
        read("Folder/group-d1/X", b'{"a":[%b1]}' % (b"1," * 400_000), known=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@pytest.mark.hypothesis
@given(st.dictionaries(st.text(max_size=6), json_values), st.integers(0, 3))
def test_whatever_stands_around_a_reference_is_sent_as_it_was_meant(
    around: dict[str, Any], many: int
) -> None:
    body = {**around, "é": [ref("View", VIEW)] * many}
    try:
        request = read("Folder/group-d1/X", json.dumps(body).encode())
    except Malformed:
        return
    sent = json.loads(write_ask(request, theirs(request), ()).body)
    assert sent == {**around, "é": [ref("View", VIEW.replace(OURS, THEIRS))] * many}


PIECES = st.sampled_from(
    [
        *("8.0.3.0", "Folder", "group-d1", "Destroy_Task", "name", "SessionManager", "Logout"),
        *("/", "//", "/", "/", "%2F", "%2f", "%", "%25", "%5B", "[", "]", ".", "..", ";", "?", "#"),
        *("%41", "%00", "%C3%BC", "\\", " ", ":", "@", "Session%4Danager", "é"),
    ]
)


@pytest.mark.hypothesis
@settings(max_examples=300)
@given(
    st.lists(PIECES, max_size=4),
    st.just("Folder") | PIECES,
    st.sampled_from(["Destroy_Task", "name"]) | PIECES,
    st.sampled_from(["GET", "POST"]),
)
def test_sec_38_the_path_that_is_sent_is_the_one_that_was_judged(
    pieces: list[str], kind: str, member: str, verb: str
) -> None:
    path = f"/sdk/vim25/8.0.3.0/{kind}/{''.join(pieces)}/{member}"
    try:
        address = read_address(verb, path)
    except Refused:
        return
    ask = write_ask(read_relayed(address, b""), {}, ())
    assert read_address(verb, ask.path) == address
    # A reader that takes segments apart before it decodes them, and one that decodes first.
    for segments in (map(unquote, ask.path.split("/")), unquote(ask.path).split("/")):
        named = (address.target.kind, address.target.name, address.member)
        assert tuple(segments)[-3:] == named
    assert set(ask.path) <= set(ascii_letters + digits + "/._:%!$&'()*+,;=@~-")
