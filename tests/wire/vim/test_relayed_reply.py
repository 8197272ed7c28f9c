"""What an upstream has answered: faults, new objects, pages, and what no client may see."""

import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import relayed_reply as replies
from sessiongate.wire.vim.types import MoRef
from tests.each import each
from tests.upstream.fakes import envelope

OURS = "52a67ed8-0f0b-1714-4534-86a177fc5158"
THEIRS = "5277beef-0000-4534-1714-000000000001"


XML = (("content-type", "text/xml"),)


def ok(content: str) -> Answer:
    return Answer(200, XML, envelope(content).encode())


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


def test_an_answer_to_a_wait_says_whether_it_is_cut_short() -> None:
    for written in ("true", "1", " true "):
        assert replies.is_cut_short(f"<truncated>{written}</truncated>".encode())
    for other in ("<truncated>false</truncated>", "&lt;truncated>true</truncated>", ""):
        assert not replies.is_cut_short(other.encode())


def test_a_read_in_pages_names_the_next() -> None:
    page = ok("<R xmlns='urn:vim25'><returnval><token>17</token><objects/></returnval></R>")
    assert replies.next_page(page.body) == "17"
    assert replies.next_page(ok("<R><value>&lt;token>17&lt;/token></value></R>").body) == ""


@each(
    "said",
    ['xsi:type="UserSession"', "xsi:type='ArrayOfUserSession'", 'xsi:type="vim25:UserSession"'],
)
def test_sessions_of_the_upstream_are_noticed(said: str) -> None:
    assert replies.shows_sessions(ok(f"<val {said}/>").body)


@each(
    "tag", ['val xsi:type="UserLoginSessionEvent"', 'val xsi:type="xsd:string"', "type", "a:type"]
)
def test_a_text_may_have_the_name_of_their_type(tag: str) -> None:
    end = tag.partition(" ")[0]
    for text in ("UserSession", ">type=&quot;UserSession", 'say type="UserSession" or \'so > it'):
        assert not replies.shows_sessions(ok(f"<{tag}>{text}</{end}>").body)


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
        "<val xsi:type='xsd:anyURI'>session[x]view-1</val>",
        "<type>session[x]view-1</type>",
        "<a:name note='>'>session[x]view-1 session[x]view-2</a:name>",
    ],
)
def test_a_text_that_reads_like_a_reference_is_none(text: str) -> None:
    body = ok(text).body
    assert not replies.foreign_object(body, set[str]().__contains__)
    assert replies.without_foreign(body, set[str]().__contains__) == body
    assert replies.is_plain(ok(text))


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
        "<UserSession>",
        "<v:UserSession\txmlns:v='urn:vim25'>",
        "<val note=\"&lt;a type='UserSession'/>\"/>",
        "<val x='UserSession'>",
        "<val type=UserSession>",
    ):
        assert replies.shows_sessions(tag.encode()), tag


UNREADABLE = {
    "two words in one": '<obj type="L">session[x]1 session[x]2</obj>',
    "an empty element before it": '<obj type="L"><b/>session[x]1</obj>',
    "an element inside": '<obj type="L">session[x]1<b/></obj>',
    "another end": '<obj type="L">session[x]1</other>',
    "no end": '<obj type="L">session[x]1',
    "an entity before it": '<obj type="L">&#32;session[x]1</obj>',
    "an entity inside": '<obj type="L">session[x]&#49;</obj>',
    "no second quote": "<obj type='L>session[x]1</obj>",
    "an attribute": '<val name="session[x]1"/>',
    "nothing before it": "session[x]1",
}
ODD = {
    "no quotes": "<obj type=L>session[x]1</obj>",
    "a type with a prefix": '<obj v:type="L">session[x]1</obj>',
    "no type": "<ManagedObjectReference>session[x]1</ManagedObjectReference>",
    "its type alone": '<val xsi:type="v:ManagedObjectReference">session[x]1</val>',
    "its type spelt out": '<val xsi:type="Managed&#79;bjectReference">session[x]1</val>',
    "a text besides": '<val xsi:type="xsd:string" type="L">session[x]1</val>',
}


@each("text", [*UNREADABLE.values(), *ODD.values()], [*UNREADABLE, *ODD])
def test_sec_60_what_could_be_a_reference_counts_as_one(text: str) -> None:
    body, nobodys = text.encode(), set[str]().__contains__
    assert replies.foreign_object(body, nobodys)
    left = replies.without_foreign(body, nobodys)
    assert b"session[" not in left or replies.foreign_object(left, nobodys)


@each("text", UNREADABLE.values(), UNREADABLE.keys())
def test_sec_60_what_nobody_can_read_is_no_client_s_own(text: str) -> None:
    assert replies.foreign_object(text.encode(), {"session[x]1", "session[x]"}.__contains__)


HIDING = {
    "a letter by its number": "<a>sess&#105;on[x]1</a>",
    "in sixteens": "<a>session&#x5B;x]1</a>",
    "with noughts": "<a>sess&#x00069;on[x]1</a>",
    "with more noughts": "<a>sess&#000105;on[x]1</a>",
    "a digit of a key": "<key>&#53;277beef-0000-4534-1714-000000000001</key>",
    "no end of a number": "<a>sess&#105</a>",
    "a comment": "<a>sess<!-- -->ion[x]1</a>",
    "a comment with a tag": '<obj type="L"><!-- <a> -->session[x]1</obj>',
    "CDATA": "<a><![CDATA[session[x]1]]></a>",
    "an instruction": "<a>sess<?a?>ion[x]1</a>",
}


@each("text", HIDING.values(), HIDING.keys())
def test_sec_60_no_spelling_hides_what_is_searched_for(text: str) -> None:
    assert not replies.is_plain(ok(text))
    assert not replies.is_plain(Answer(200, (), text.encode()))
    assert replies.ordinary_type(ok(text)) is None


ENCODED = {
    "a document type": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>',
    "UTF-16": '<?xml version="1.0"?><a/>'.encode("utf-16"),
    "UTF-16 without a mark": "<a/>".encode("utf-16le"),
    "the other UTF-16": "<a/>".encode("utf-16be"),
    "UTF-7": b'<?xml version="1.0" encoding="utf-7"?><a/>',
    "an encoding that is not read": b"<?xml version='1.0' encoding=utf-7?><a/>",
    "no XML": b" hello",
    "nothing": b"",
}


@each("body", ENCODED.values(), ENCODED.keys())
def test_sec_60_an_encoding_hides_nothing_either(body: bytes) -> None:
    assert not replies.is_plain(Answer(200, (), body))
    assert replies.ordinary_type(Answer(200, XML, body)) is None


def test_sec_60_nor_does_one_that_a_header_names() -> None:
    body = ok("<a/>").body
    for charset, plain in (("UTF-8", True), ('"utf-8"', True), ("utf-7", False), ("ibm37", False)):
        kind = f"text/xml; charset={charset}"
        answer = Answer(200, (("content-type", kind),), body)
        assert replies.is_plain(answer) is plain
        assert replies.ordinary_type(answer) == (answer.headers[0] if plain else None)


@each(
    "text",
    [
        "a&#xA;b&#xD;&#x9;&#10;&#13;&#9;",
        "&#34;&#39;&#38;&#60;&#62;&#x22;&#x27;&lt;&amp;&quot;&apos;",
        "&#233;&#xe9;&#8364;&#x20AC;&#128512;&#x1F600;&#128;&#199;&#200;",
        "C# &amp;#105; # &amp;",
    ],
)
def test_numbers_that_writers_use_are_plain(text: str) -> None:
    body = f"\ufeff<s:Envelope s:encodingStyle='x'>{text}</s:Envelope>".encode()
    for first in (b"", b"<?xml version='1.0'?>", b'<?xml version="1.0" encoding = "UTF-8"?>\n'):
        assert replies.is_plain(Answer(200, (), first + body.removeprefix(b"\xef\xbb\xbf")))
    assert replies.is_plain(Answer(200, (), body))


@each(
    ("text", "shown"),
    [
        ("<a>" + "UserSession session[ " * 50_000 + "</a>", False),
        ("<a>UserSession session[x]</a>" * 20_000, False),
        ("<a>" + "session[" * 50_000, False),
        ("<a " + "UserSession session[" * 50_000, True),
        ("<a type='UserSession session[" * 20_000, True),
        ("<a> UserSession session[" + "<a " * 100_000, False),
        ("<a " + 'b="c" ' * 50_000 + ">UserSession session[x]</a>", False),
        ("<a " + "'\"" * 50_000 + "UserSession session[x]</a>", True),
    ],
    lambda value: value if isinstance(value, bool) else f"{value[:22]} {len(value)}",
)
def test_whatever_a_body_is_made_of_it_is_read_through_a_few_times(text: str, shown: bool) -> None:
    body = text.encode()
    began = time.process_time()
    assert replies.foreign_object(body, set[str]().__contains__) is shown
    assert replies.shows_sessions(body) is shown
    replies.without_foreign(body, set[str]().__contains__)
    assert time.process_time() - began < 2.0, "a few ms, where it is not quadratic"


NAMES = ("obj", "v:obj", "val", "ManagedObjectReference", "UserSession")
ATTRIBUTES = (
    *(" type='View'", ' xsi:type = "v:ManagedObjectReference"', " xsi:type='xsd:string'"),
    *('\n v:type="View"', " a='>'", " c='&lt;b>session[x]'", " xsi:type='UserSession'"),
    ' xsi:type="v:UserSes&#115;ion"',
)
TEXTS = (
    *("session[x]1", "session[x]1", "session[x]1", "UserSession", "ses", "sion[x]1", "x", " "),
    *("sess&#105;on[x]1", "&#x5b;", "&#32;", "&#xA;", "&amp;", "\n", ">", "'", '"'),
    *("<!-- a -->", "<![CDATA[session[x]1]]>", "<![CDATA[ses]]>", "<?a?>"),
)


def written(name: str, attributes: list[str], inner: list[str]) -> str:
    return f"<{name}{''.join(attributes)}>{''.join(inner)}</{name}>"


ELEMENTS = st.recursive(
    st.sampled_from(TEXTS),
    lambda inner: st.builds(
        written,
        st.sampled_from(NAMES),
        st.just([" type='View'"]) | st.lists(st.sampled_from(ATTRIBUTES), max_size=2, unique=True),
        st.just(["session[x]1"]) | st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


def shown(body: bytes) -> tuple[bool, bool]:
    """What a client's own parser finds in it: references to objects of sessions, and sessions."""
    references = sessions = False
    for one in ElementTree.fromstring(body).iter():
        types = {name.rpartition("}")[2]: value for name, value in one.attrib.items()}
        text = (one.text or "").strip()  # no reader takes a text around elements for a reference
        references |= "type" in one.attrib and text.startswith("session[")
        sessions |= types.get("type", "").rpartition(":")[2] == "UserSession"
    return references, sessions


@pytest.mark.hypothesis
@settings(max_examples=300)
@given(st.lists(ELEMENTS, min_size=1, max_size=3))
def test_sec_60_what_a_parser_would_find_is_found_or_held_back(elements: list[str]) -> None:
    spaces = 'xmlns:v="a" xmlns:xsi="b" xmlns:xsd="c"'
    body = f"<r {spaces}>{''.join(elements)}</r>".encode()
    try:
        references, sessions = shown(body)
    except ElementTree.ParseError:  # an attribute twice
        return
    if replies.is_plain(Answer(200, (), body)):
        assert not references or replies.foreign_object(body, set[str]().__contains__)
        assert not sessions or replies.shows_sessions(body)


KINDS = ("text/xml", 'text/XML; charset="UTF-8"', "text/xml; charset=utf-7", "text/html")
FIRST = (
    *(b"", b"\n", b"\xef\xbb\xbf", b"<?xml version='1.0'?>", b"<!DOCTYPE r>", b"<?a?>", b"<>\0"),
    *(b'<?xml version="1.0" encoding="UTF-8"?>', b'<?xml version="1.0" encoding="utf-7"?>'),
)


def test_an_ordinary_reply_says_its_type_at_one_look() -> None:
    for first in (b"", FIRST[-2]):
        answer = Answer(200, (("date", "now"), *XML), first + b"<root>1</root>")
        assert replies.ordinary_type(answer) == XML[0]
    assert replies.ordinary_type(Answer(500, XML, ok("").body)) is None
    assert replies.ordinary_type(Answer(200, (*XML, *XML), ok("").body)) is None
    packed = (*XML, ("content-encoding", "gzip"))
    assert replies.ordinary_type(Answer(200, packed, ok("").body)) is None


@pytest.mark.hypothesis
@settings(max_examples=300)
@given(
    st.sampled_from((200, 200, 200, 500, 302)),
    st.lists(st.sampled_from(KINDS), max_size=2),
    st.sampled_from(FIRST),
    st.lists(ELEMENTS, max_size=3),
)
def test_sec_60_what_is_ordinary_at_one_look_is_so_at_two(
    status: int, kinds: list[str], first: bytes, elements: list[str]
) -> None:
    headers = tuple(("content-type", kind) for kind in kinds)
    answer = Answer(status, headers, first + "".join(elements).encode())
    typed = replies.ordinary_type(answer)
    if typed is not None:
        assert (typed,) == headers
        replies.require_whole(answer)
        assert replies.is_plain(answer)
