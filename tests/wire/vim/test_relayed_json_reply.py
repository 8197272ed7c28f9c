"""What an upstream has answered in VI/JSON: faults, new objects, pages, what no client may see."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiongate.errors import Malformed, NotSupported, OutcomeUnknown
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import relayed_json_reply as replies
from sessiongate.wire.vim.types import MOREF, MoRef
from tests.each import each

THEIRS = "5277beef-0000-4534-1714-000000000001"
JSON = (("content-type", "application/json; charset=utf-8"),)


def ok(value: Any, status: int = 200) -> Answer:
    return Answer(status, JSON, json.dumps(value).encode())


def fault(name: str, text: str = "No.", status: int = 500) -> Answer:
    return ok({"_typeName": name, "faultstring": text}, status)


def ref(kind: str, name: str) -> dict[str, str]:
    return {"_typeName": "ManagedObjectReference", "type": kind, "value": name}


def test_what_decides_is_the_type_of_a_fault() -> None:
    assert replies.says_session_is_over(fault("NotAuthenticated"))
    assert not replies.says_session_is_over(fault("InvalidState", "NotAuthenticated"))
    assert replies.says_it_was_cancelled(fault("RequestCanceled"))
    assert not replies.says_it_was_cancelled(fault("NotAuthenticated"))


@each("status", [502, 503, 504])
def test_what_something_in_front_says_is_not_the_service_s_answer(status: int) -> None:
    assert not replies.is_from_the_service(Answer(status, (), b"<html>Bad gateway</html>"))
    assert not replies.is_from_the_service(ok({"error": "no upstream"}, status))
    assert replies.is_from_the_service(fault("SystemError", status=status))
    assert replies.is_from_the_service(Answer(500, (), b"<html>"))


WHOLE = {
    "a result": ok({}),
    "a text": ok("a"),
    "nothing": Answer(204, (), b""),
    "nothing, said otherwise": Answer(200, (("content-length", "0"),), b""),
    "a fault": fault("InvalidRequest"),
    "a wrong verb": fault("InvalidRequest", status=405),
    "a fault at an unknown address": fault("InvalidRequest", status=404),
}


@each("answer", WHOLE.values(), WHOLE.keys())
def test_results_and_faults_are_whole_answers(answer: Answer) -> None:
    replies.require_whole(answer)


BROKEN = {
    "packed": Answer(200, (*JSON, ("content-encoding", "gzip")), b"{}"),
    "no JSON": Answer(200, JSON, b"{"),
    "two values": Answer(200, JSON, b"{}{}"),
    "too deep": Answer(200, JSON, b"[" * 1_000_000 + b"]" * 1_000_000),
    "a page of HTML": Answer(200, (("content-type", "text/html"),), b"<html>"),
    "JSON that does not say so": Answer(200, (), b"{}"),
    "a fault that is none": ok({"error": "x"}, 500),
    "a redirect": Answer(302, (("location", "/ui"),), b""),
    "a status of nobody": ok({}, 299),
    "a fault of something in front": ok({}, 403),
}


@each("answer", BROKEN.values(), BROKEN.keys())
def test_sec_66_what_is_neither_is_an_outcome_that_nobody_knows(answer: Answer) -> None:
    with pytest.raises(OutcomeUnknown):
        replies.require_whole(answer)


@each("answer", [Answer(404, (), b""), Answer(500, (("content-type", "text/xml"),), b"<a/>")], str)
def test_an_upstream_without_vi_json_is_known(answer: Answer) -> None:
    with pytest.raises(NotSupported, match="VI/JSON"):
        replies.require_whole(answer)


def test_the_name_of_a_fault_is_read_or_refused() -> None:
    assert replies.fault_name(fault("ManagedObjectNotFound")) == "ManagedObjectNotFound"
    assert replies.fault_name(fault("OfSomeVendor")) == ""
    with pytest.raises(Malformed):
        replies.fault_name(ok([], 500))


def test_the_returned_object_is_found() -> None:
    made = MoRef("PropertyFilter", "session[x]f1")
    assert replies.returned_object(ok(ref("PropertyFilter", "session[x]f1"))) == made
    bare = {"value": "session[x]f1", "type": "PropertyFilter"}
    assert replies.returned_object(ok(bare)) == made
    others: list[Any] = [
        None,
        "session[x]f1",
        [],
        {"type": "A"},
        {"type": "", "value": "a"},
        {"type": "A", "value": ""},
        {"_typeName": "OptionValue", "type": "A", "value": "a"},
    ]
    for other in others:
        assert replies.returned_object(ok(other)) is None
    assert replies.returned_object(Answer(204, (), b"")) is None


def test_an_answer_to_a_wait_says_whether_it_is_cut_short() -> None:
    for shown in (b'{"truncated":true}', b'{"truncated" : true,"a":1}'):
        assert replies.is_cut_short(shown)
    for other in (b'{"truncated":false}', json.dumps({"a": '"truncated":true'}).encode(), b"{}"):
        assert not replies.is_cut_short(other)


def test_a_read_in_pages_names_the_next() -> None:
    assert replies.next_page(ok({"token": "17", "objects": []}).body) == "17"
    others: list[Any] = [None, {}, *({"token": one} for one in (None, "", "1" * 600, 5))]
    for other in others:
        assert replies.next_page(ok(other).body) == ""
    inside = ok({"objects": [{"token": "17"}], "text": '"token":"17"'}).body
    assert replies.next_page(inside) == ""


@each("kind", ["UserSession", "ArrayOfUserSession"])
def test_sessions_of_the_upstream_are_noticed(kind: str) -> None:
    assert replies.shows_sessions(ok({"val": {"_typeName": kind}}).body)
    assert replies.shows_sessions(b'{"_typeName":"%b"}' % kind.encode())


SPELT_OUT = [
    "\\u0055serSession",
    "session\\u005b",
    "\\u005Fid",
    "5\\u0032",
    "\\\\\\u006d",
    "\\u002d",
]


@each("text", SPELT_OUT)
def test_sec_60_letters_that_are_written_as_numbers_hide_nothing(text: str) -> None:
    assert not replies.is_plain(Answer(200, JSON, f'["{text}"]'.encode()))


@each(
    "text",
    ["\\u003c", "\\u0022", "\\u00e9", "\\u2028", "\\\\u0055", "\\\\\\\\u0055", "\\u0000", "u0055"],
)
def test_what_servers_do_write_as_numbers_is_plain(text: str) -> None:
    assert replies.is_plain(Answer(200, JSON, f'["{text}"]'.encode()))


@each(
    "value",
    [{"_typeName": "UserLoginSessionEvent"}, {"text": '{"_typeName":"UserSession"}'}, ["a{", "b"]],
    str,
)
def test_what_only_looks_like_them_is_not(value: Any) -> None:
    assert not replies.shows_sessions(ok(value).body)


OWN, OTHER = f"session[{THEIRS}]mine", f"session[{THEIRS}]of-another"
REFERENCES: list[dict[str, Any]] = [
    ref("ListView", OTHER),
    {"type": "ListView", "value": OTHER},
    {"value": OTHER, "type": "ListView"},
    {"value": OTHER, "_typeName": "ManagedObjectReference", "type": "ListView"},
    {"serverGuid": None, "type": "ListView", "value": OTHER},
    {"type": "ListView", "value": OTHER, "serverGuid": "x"},
    {"serverGuid": OWN, "type": "ListView", "value": OTHER},
]


@each("reference", REFERENCES, str)
@each("dense", [True, False])
def test_objects_of_others_are_noticed_and_taken_out(reference: Any, dense: bool) -> None:
    value = {"_value": [ref("ListView", OWN), reference, ref("Folder", "group-d1")], "a": reference}
    separators = (",", ":") if dense else (" , ", " : ")
    body = json.dumps(value, separators=separators).encode()
    assert replies.foreign_object(body, {OWN}.__contains__)
    assert not replies.foreign_object(body, {OWN, OTHER}.__contains__)
    assert replies.without_foreign(body, {OWN, OTHER}.__contains__) == body
    left = replies.without_foreign(body, {OWN}.__contains__)
    assert json.loads(left) == {"_value": [ref("ListView", OWN), ref("Folder", "group-d1")]}


def test_a_reply_that_is_one_reference_is_unset_without_it() -> None:
    assert replies.without_foreign(ok(ref("View", OTHER)).body, {OWN}.__contains__) == b"null"


@each(
    "value",
    [
        {"_typeName": "string", "_value": "session[x]view-1"},
        {"_typeName": "CustomFieldStringValue", "key": 7, "value": "session[x]view-1"},
        {"text": json.dumps(ref("View", "session[x]view-1"))},
        "session[x]view-1",
        ref("Folder", "group-d1"),
        {"type": "x", "value": 5, "text": "session["},
        {"_typeName": "VAppPropertyInfo", "type": "string", "value": "session[x]", "id": "{a}"},
        {"id": 'a{"type":"', "_typeName": "VAppPropertyInfo", "type": "s", "value": "session[x]"},
    ],
    str,
)
def test_sec_60_a_text_is_never_taken_for_a_reference(value: Any) -> None:
    body = ok([value]).body
    assert not replies.foreign_object(body, set[str]().__contains__)
    assert replies.without_foreign(body, set[str]().__contains__) == body


def test_a_reply_too_deep_to_be_rewritten_stays_what_it_is_and_is_noticed() -> None:
    body = b"[" * 100_000 + ok(ref("View", OTHER)).body + b"]" * 100_000
    assert replies.without_foreign(body, {OWN}.__contains__) == body
    assert replies.foreign_object(body, {OWN}.__contains__)


@each(
    "part", ['{"a":"', '"session[', '{"value":"session[x]",', '{"type":"', "[{", "\\\\u0041", "{ "]
)
def test_whatever_a_body_is_made_of_it_is_read_through_a_few_times(part: str) -> None:
    body = b"[" + part.encode() * (2_000_000 // len(part)) + b"session["
    began = time.process_time()
    assert not replies.shows_sessions(body)
    replies.foreign_object(body, set[str]().__contains__)
    replies.is_plain(Answer(200, JSON, body))
    assert time.process_time() - began < 2.0, "a few ms, where it is not quadratic"


def test_many_references_are_judged_each_by_itself() -> None:
    some = [ref("View", OWN), {"text": OTHER}, ref("View", OTHER), OTHER, {"value": OTHER}]
    assert replies.foreign_object(ok(some).body, {OWN}.__contains__)
    assert not replies.foreign_object(ok([*some[:2], *some[3:]]).body, {OWN}.__contains__)


def test_unknown_members_hide_no_reference() -> None:
    for more in ({"a": 5}, {"a": None}, {"a": [1]}, {"a": "}"}):
        for value in ({**ref("View", OTHER), **more}, {**more, "value": OTHER, "type": "View"}):
            assert replies.foreign_object(ok(value).body, {OWN}.__contains__)


TEXTS = ("session[x]1", "session[x]2", "session[", "a{", "}", '"', "\\", "UserSession", "é", "x")
TYPES = ("ManagedObjectReference", "UserSession", "ArrayOfUserSession", "VAppPropertyInfo", "View")
NAMES = ("value", "type", "a", "_value", "serverGuid")
VALUES = st.recursive(
    st.sampled_from(TEXTS) | st.none() | st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        | st.builds(ref, st.sampled_from(TYPES), st.sampled_from(TEXTS))
        | st.builds(
            lambda kind, more: {"_typeName": kind, **more},
            st.sampled_from(TYPES),
            st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        )
    ),
    max_leaves=8,
)


def shown(value: Any) -> tuple[bool, bool]:
    """What a client's own parser finds in it: references to objects of sessions, and sessions."""
    inside = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inside, list):
        return False, False
    references = sessions = False
    if isinstance(value, dict):
        said, name = value.get("_typeName", MOREF), value.get("value")
        # No other member of a reference holds more than a name.
        names = all(one is None or isinstance(one, int | str) for one in inside)
        names = names and not any("{" in str(one) for one in inside)
        references = (
            names and "type" in value and said == MOREF and f"{name}".startswith("session[")
        )
        sessions = "UserSession" in str(said)
    more = [shown(one) for one in inside]
    return references or any(one[0] for one in more), sessions or any(one[1] for one in more)


@pytest.mark.hypothesis
@settings(max_examples=300)
@given(VALUES, st.sampled_from([(",", ":"), (", ", " : ")]), st.sampled_from("sUvV_"))
def test_sec_60_what_a_parser_would_find_in_json_is_found_or_held_back(
    value: Any, separators: tuple[str, str], spelt: str
) -> None:
    references, sessions = shown(value)
    written = json.dumps(value, separators=separators, ensure_ascii=spelt in "sU")
    answer = Answer(200, JSON, written.replace(spelt, f"\\u{ord(spelt):04x}").encode())
    assert json.loads(answer.body) == value
    for one in (answer, Answer(200, JSON, written.encode())):
        if replies.is_plain(one):
            assert not references or replies.foreign_object(one.body, set[str]().__contains__)
            assert not sessions or replies.shows_sessions(one.body)
        left = replies.without_foreign(one.body, set[str]().__contains__)
        assert not replies.is_plain(one) or not shown(json.loads(left))[0]
