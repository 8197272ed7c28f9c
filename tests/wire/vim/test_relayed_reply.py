"""What an upstream has answered: faults, new objects, pages, and what no client may see."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import relayed_reply as replies
from sessiongate.wire.vim.types import MoRef
from tests.each import each
from tests.upstream.fakes import envelope

OURS = "52a67ed8-0f0b-1714-4534-86a177fc5158"
THEIRS = "5277beef-0000-4534-1714-000000000001"


def ok(content: str) -> Answer:
    return Answer(200, (("content-type", "text/xml"),), envelope(content).encode())


def fault(name: str, text: str = "No.") -> Answer:
    detail = f'<detail><{name}Fault xmlns="urn:vim25" xsi:type="{name}"/></detail>'
    inner = f"<faultcode>ServerFaultCode</faultcode><faultstring>{text}</faultstring>{detail}"
    return Answer(500, (), envelope(f"<s:Fault>{inner}</s:Fault>").encode())


def test_a_session_that_is_over_is_known_by_the_type_of_the_fault() -> None:
    assert replies.says_session_is_over(fault("NotAuthenticated"))
    assert replies.says_session_is_over(fault("InvalidSession"))
    assert not replies.says_session_is_over(fault("InvalidState", "NotAuthenticated"))
    assert not replies.says_session_is_over(fault("NoPermission"))
    assert not replies.says_session_is_over(ok("<r>NotAuthenticated</r>"))
    assert not replies.says_session_is_over(Answer(500, (), b"NotAuthenticated, says a proxy"))
    assert not replies.says_session_is_over(Answer(401, (), fault("NotAuthenticated").body))
    large = Answer(500, (), fault("NotAuthenticated").body + b" " * 70_000)
    assert not replies.says_session_is_over(large)


@each("status", [502, 503, 504])
def test_what_something_in_front_says_is_not_the_service_s_answer(status: int) -> None:
    assert not replies.is_from_the_service(Answer(status, (), b"<html>Bad gateway</html>"))
    assert replies.is_from_the_service(Answer(status, (), fault("SystemError").body))


def test_the_returned_object_is_found() -> None:
    made = ok(
        '<CreateFilterResponse xmlns="urn:vim25"><returnval type="PropertyFilter">'
        " session[x]f1 </returnval></CreateFilterResponse>"
    )
    assert replies.returned_object(made) == MoRef("PropertyFilter", "session[x]f1")
    for none in (
        '<RResponse xmlns="urn:vim25"/>',
        '<RResponse xmlns="urn:vim25"><returnval>text</returnval></RResponse>',
        '<RResponse xmlns="urn:x"><returnval type="A">a</returnval></RResponse>',
        '<RResponse xmlns="urn:vim25"><returnval type="A"><x/></returnval></RResponse>',
    ):
        assert replies.returned_object(ok(none)) is None
    with pytest.raises(Malformed):
        replies.returned_object(Answer(200, (), b"<broken"))


def test_a_read_in_pages_names_the_next() -> None:
    page = ok("<R xmlns='urn:vim25'><returnval><token>17</token><objects/></returnval></R>")
    assert replies.next_page(page.body) == "17"
    assert replies.next_page(ok("<R><value>&lt;token>17&lt;/token></value></R>").body) == ""


def test_our_key_stands_in_the_place_of_theirs() -> None:
    body = f"<a>session[{THEIRS}]x</a><key>{THEIRS}</key>".encode()
    assert replies.with_key(body, THEIRS, OURS) == body.replace(THEIRS.encode(), OURS.encode())


@each(
    "said",
    ['xsi:type="UserSession"', "xsi:type='ArrayOfUserSession'", 'xsi:type="vim25:UserSession"'],
)
def test_sessions_of_the_upstream_are_noticed(said: str) -> None:
    assert replies.shows_sessions(ok(f"<val {said}/>").body)


@each("said", ['xsi:type="UserLoginSessionEvent"', "x='UserSession'", ">type=&quot;UserSession"])
def test_what_only_looks_like_them_is_not(said: str) -> None:
    text = said if said.startswith("x") else ""
    body = ok(f"<val {text}>{'' if text else said[1:]}</val>").body
    assert not replies.shows_sessions(body)


def test_objects_of_others_are_noticed_and_taken_out() -> None:
    own, other = f"session[{THEIRS}]mine", f"session[{THEIRS}]of-another"
    body = ok(
        "<val xsi:type='ArrayOfManagedObjectReference'>"
        f'<ManagedObjectReference type="ListView" xsi:type="x">{own}</ManagedObjectReference>'
        f'<ManagedObjectReference type="ListView" xsi:type="x">{other}</ManagedObjectReference>'
        "<ManagedObjectReference type='Folder'>group-d1</ManagedObjectReference></val>"
    ).body
    assert replies.foreign_object(body, {own}.__contains__)
    assert not replies.foreign_object(body, {own, other}.__contains__)
    left = replies.without_foreign(body, {own}.__contains__)
    assert own.encode() in left
    assert other.encode() not in left
    assert b"group-d1" in left
    assert left.count(b"<ManagedObjectReference") == left.count(b"</ManagedObjectReference") == 2


@each(
    "text",
    [
        "<val xsi:type='xsd:string'>see session[x]view-1</val>",
        "<val xsi:type='xsd:string'>session[x]view-1</val>",
        "<val>&lt;obj type=&quot;ListView&quot;>session[x]view-1&lt;/obj></val>",
        '<val>obj type="ListView">session[x]view-1</val>',
        "<val type='ListView'>see session[x]view-1</val>",
        '<val>say type="UserSession" for it</val>',
        '<val xsi:type="xsd:string"> xsi:type="UserSession"</val>',
        "<val note=\"&lt;a type='UserSession'/>\"/>",
    ],
)
def test_a_text_that_reads_like_a_reference_is_none(text: str) -> None:
    body = ok(text).body
    assert not replies.foreign_object(body, set[str]().__contains__)
    assert replies.without_foreign(body, set[str]().__contains__) == body
    assert not replies.shows_sessions(body)


@each(
    "reference",
    [
        '<obj type="ListView">session[x]view-1</obj>',
        "<v:obj xsi:type='ManagedObjectReference' type='ListView'>session[x]view-1</v:obj >",
        '<obj\n type = "ListView" note=">">\n session[x]view-1 \n</obj>',
        '<obj xsi:type="ManagedObjectReference" type="ListView" serverGuid="">session[x]a</obj>',
    ],
)
def test_references_are_found_however_they_are_written(reference: str) -> None:
    body = ok(f"<val>{reference}</val>").body
    assert replies.foreign_object(body, set[str]().__contains__)
    assert b"session[" not in replies.without_foreign(body, set[str]().__contains__)


def test_sessions_are_found_however_their_tag_is_written() -> None:
    for tag in (
        '<val a="b" xsi:type = "UserSession" c="d">',
        "<v:val\n a='>' x:type='v:UserSession'/>",
    ):
        assert replies.shows_sessions(tag.encode())


@each("text", ["session[", "<a session[", '<a type="UserSession', "<a " * 3, '<a b="c" ' * 3])
def test_what_is_no_tag_is_read_through_in_one_go(text: str) -> None:
    body = b"UserSession session[x]" + text.encode() * 50_000
    assert not replies.foreign_object(body, set[str]().__contains__)
    assert not replies.shows_sessions(body)
