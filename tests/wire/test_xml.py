"""XML in, and text out: what is read, what is refused, and what every limit is."""

import time
from bisect import bisect_left
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.wire.xml import (
    DEEPEST,
    LARGEST,
    LONGEST_NAMESPACE,
    MOST_ATTRIBUTES,
    MOST_ELEMENTS,
    MOST_NAMESPACES,
    escape,
    parse,
)
from tests.each import each

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def test_elements_by_namespace_and_local_name() -> None:
    root = parse(
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:x="urn:x"><s:Body x:a="1" b="2">one<i/>two'
        "<i>&lt;&#x4e2d;</i></s:Body></s:Envelope>".encode()
    )
    assert (root.namespace, root.name) == (SOAP, "Envelope")
    body = root.child("Body")
    assert body is not None
    assert body.attributes == {("urn:x", "a"): "1", ("", "b"): "2"}
    assert body.text == "onetwo"
    assert [child.text for child in body.children] == ["", "<中"]
    assert body.child("i") is body.children[0]
    assert body.child("j") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "us-ascii"])
def test_usual_encodings_are_read(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><a>x</a>'.encode(encoding)
    assert parse(document).text == "x"


@each(
    "document",
    [
        b"",
        b"   ",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a b='1' b='2'/>",
        b"<a>&undefined;</a>",
        b"<a>\xff</a>",
        b"<a>\x00</a>",
        b"\x00<\x00a",
        b"not xml",
        b"<x:a/>",
        b"<a x:b='1'/>",
        b"<a xmlns:x=''/>",
        b"<x:y:a xmlns:x='urn:x'/>",
        b"<x: xmlns:x='urn:x'/>",
        b"<:a/>",
        b"<a xmlns:x:y='urn:x'/>",
        b"<a xmlns:xml='urn:x'/>",
        b"<a xmlns:xmlns='urn:x'/>",
        b"<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        b"<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        b"<a xmlns:x='urn:x' xmlns:y='urn:x' x:b='1' y:b='2'/>",
        b"<a><b xmlns:x='urn:x'/><x:c/></a>",
    ],
)
def test_what_is_no_xml_is_malformed(document: bytes) -> None:
    with pytest.raises(Malformed):
        parse(document)


@pytest.mark.parametrize(
    "document",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/"> %p;]><a/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
    ],
)
def test_a_document_type_is_refused_by_name(document: bytes) -> None:
    with pytest.raises(Malformed, match="document type"):
        parse(document)


@pytest.mark.parametrize("encoding", ["utf-7", "shift_jis", "base64", "rot13", "nonesuch"])
def test_other_encodings_are_refused_by_name(encoding: str) -> None:
    with pytest.raises(Malformed, match="encoding"):
        parse(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def test_depth_is_bounded() -> None:
    assert parse(nested(DEEPEST)).name == "a"
    with pytest.raises(Malformed, match="deeper"):
        parse(nested(DEEPEST + 1))


def test_size_is_bounded() -> None:
    room = LARGEST - len(b"<a></a>")
    assert len(parse(b"<a>" + b"x" * room + b"</a>").text) == room
    with pytest.raises(Malformed, match="larger"):
        parse(b"<a>" + b"x" * (room + 1) + b"</a>")


def test_the_number_of_elements_is_bounded() -> None:
    one = b"<b>%b</b>" % (b"x" * 50)
    assert len(parse(b"<a>" + one * (MOST_ELEMENTS - 1) + b"</a>").children) < MOST_ELEMENTS
    with pytest.raises(Malformed, match="elements"):
        parse(b"<a>" + one * MOST_ELEMENTS + b"</a>")


# What a stranger may send at once.
STRANGERS = 64 * 1024
NAMESPACES = b"".join(b" xmlns:n%d='u'" % number for number in range(25))


def repeated(piece: bytes, times: int) -> bytes:
    return b"<a" + NAMESPACES + b">" + piece * times + b"</a>"


DEAR = {
    "elements": repeated(b"<b/>", 500),
    "elements, padded": repeated(b"<b/>", 3_000).ljust(STRANGERS),
    "attributes": repeated(b"<b n1:a='' n2:a='' n3:a='' n4:a='' n5:a=''/>", 1_000),
    "declarations": repeated(b"<b xmlns:n1='v'/>", 1_000).ljust(STRANGERS),
    "declarations, nested": repeated(b"<b xmlns:n1='v'>" * 50 + b"</b>" * 50, 50),
    "attributes of one element": b"<a%b/>" % b"".join(b" a%d=''" % n for n in range(4_000)),
    "lines": repeated(b"\n", STRANGERS),
    "lines, older": repeated(b"\r", STRANGERS),
}


@pytest.mark.parametrize("name", DEAR)
def test_sec_73_a_document_that_is_dear_for_its_size_is_refused(name: str) -> None:
    """40 KB took 6 ms of everybody's time, and 2 KB half a millisecond."""
    with pytest.raises(Malformed, match=r"too many|more than"):
        parse(DEAR[name])


def dearest(piece: bytes) -> bytes:
    """64 KiB with as many of these as are read, padded with what is dear in text."""

    def padded(times: int) -> bytes:
        document = repeated(piece, times)
        return document[:-4] + b"&#9;" * ((STRANGERS - len(document)) // 4) + b"</a>"

    def is_read(times: int) -> bool:
        try:
            parse(padded(times))
        except Malformed:
            return False
        return True

    return padded(bisect_left(range(STRANGERS // len(piece)), 1, key=lambda n: not is_read(n)) - 1)


@pytest.mark.parametrize(
    "piece", [b"<b/>", b"<b n1:a='' n2:a='' n3:a='' n4:a=''/>", b"<b xmlns:n1='v'/>", b"x<b/>"]
)
def test_sec_73_nothing_of_its_size_is_much_dearer_than_an_ordinary_document(piece: bytes) -> None:
    """An ordinary one: the keys of a thousand sessions that are to be ended."""
    key = b"<sessionId>52a67ed8-0f0b-1714-4534-86a177fc5158</sessionId>"
    ordinary = repeated(key, STRANGERS // len(key) - 10)
    assert cost(dearest(piece)) < 3 * cost(ordinary)


def cost(document: bytes) -> float:
    """Seconds of this thread, the least of several."""

    def once() -> float:
        begun = time.thread_time()
        parse(document)
        return time.thread_time() - begun

    return min(once() for _ in range(7))


def test_a_login_by_token_with_many_groups_is_read() -> None:
    """As vCenter's own service writes them, with the type of each: 1,700 in 150 KiB."""
    group = b'<n1:AttributeValue n2:type="xs:string">house.test\\Group-%04d</n1:AttributeValue>\n'
    groups = b"".join(group % number for number in range(1_700))
    assert len(parse(repeated(groups, 1)).children) == 1_700


def test_the_number_of_attributes_is_bounded() -> None:
    def with_attributes(count: int) -> bytes:
        return b"<a %s/>" % b" ".join(b"a%d='1'" % number for number in range(count))

    assert len(parse(with_attributes(MOST_ATTRIBUTES)).attributes) == MOST_ATTRIBUTES
    with pytest.raises(Malformed, match="attributes"):
        parse(with_attributes(MOST_ATTRIBUTES + 1))


def test_sec_50_a_long_namespace_is_not_written_out_for_every_element() -> None:
    """Half a megabyte of it and 9,000 elements took gigabytes, and 15 seconds."""
    fits = b"u" * LONGEST_NAMESPACE
    root = parse(b"<a xmlns='%s'><b/><b/></a>" % fits)
    assert {child.namespace for child in root.children} == {fits.decode()}
    assert root.children[0].namespace is root.namespace
    for declared in (b"xmlns", b"xmlns:n"):
        with pytest.raises(Malformed, match="longer"):
            parse(b"<a %s='u%s'/>" % (declared, fits))


def test_sec_50_the_number_of_namespaces_is_bounded() -> None:
    def with_namespaces(count: int) -> bytes:
        return b"<a %s/>" % b" ".join(b"xmlns:n%d='urn:%d'" % (each, each) for each in range(count))

    room = MOST_NAMESPACES - 2  # none and xml are always there
    assert parse(with_namespaces(room)).attributes == {}
    with pytest.raises(Malformed, match="namespaces"):
        parse(with_namespaces(room + 1))


def test_namespaces_hold_where_they_are_declared() -> None:
    root = parse(
        b"<a xmlns='urn:1' xmlns:p='urn:2' xml:lang='en'><b xmlns='' p:c='1' c='2'/>"
        b"<p:b xmlns:p='urn:3'><p:c/></p:b><p:d/></a>"
    )
    assert (root.namespace, root.name) == ("urn:1", "a")
    assert root.attributes == {("http://www.w3.org/XML/1998/namespace", "lang"): "en"}
    plain, inner, after = root.children
    assert (plain.namespace, plain.attributes) == ("", {("urn:2", "c"): "1", ("", "c"): "2"})
    assert (inner.namespace, inner.children[0].namespace) == ("urn:3", "urn:3")
    assert (after.namespace, after.name) == ("urn:2", "d")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_sec_50_many_attributes_are_refused_before_they_are_read(encoding: str) -> None:
    """Before: the document does not even end, which the parser would have said."""
    document = "<a " + " ".join(f"a{number}=''" for number in range(11_500))
    with pytest.raises(Malformed, match="too many attributes"):
        parse(document.encode(encoding))
    small = "<a " + " ".join(f"a{number}=''" for number in range(6_000))
    with pytest.raises(Malformed, match="too many attributes"):
        parse(small.encode(encoding))
    assert parse(f"<a>{'=' * 4_500}</a>".encode()).text == "=" * 4_500


def test_a_refusal_repeats_nothing_of_the_document() -> None:
    with pytest.raises(Malformed) as refusal:
        parse(b"<hunter2></hunter3>")
    assert "hunter" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain", "plain"),
        ('a<b>&"c"', "a&lt;b&gt;&amp;&quot;c&quot;"),
        ("tab\tline\n", "tab\tline\n"),
        ("\r", "&#13;"),
        ("\x00\x0b\x1f", "\ufffd\ufffd\ufffd"),
        ("\ud800\ufffe\uffff", "\ufffd\ufffd\ufffd"),
        ("\U0001f600\x85", "\U0001f600\x85"),
    ],
)
def test_escaping(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_sec_73_text_that_does_not_print_is_not_much_dearer_to_write() -> None:
    """A name with one such letter made a list of sessions ten times as dear."""

    def cost(text: str) -> float:
        def once() -> float:
            begun = time.thread_time()
            escape(text)
            return time.thread_time() - begun

        return min(once() for _ in range(7))

    ordinary = "a<b" * 10_000
    assert cost("abc" * 10_000 + "\u200b") < 4 * cost(ordinary)
    assert cost("\u200b" * 30_000) < 4 * cost(ordinary)


pieces = st.sampled_from(
    ["<a>", "</a>", "<b c='d'>", "</b>", "&lt;", "&x;", "<!DOCTYPE a>", "t", "\0"]
)


@given(st.one_of(st.binary(), st.lists(pieces).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_are_read_or_malformed(document: bytes) -> None:
    """Whatever the bytes, we get an element or Malformed, nothing else."""
    try:
        root = parse(document)
    except Malformed:
        return
    assert root.name


@given(st.text())
def test_escaped_text_is_well_formed_and_reads_back(text: str) -> None:
    """Any text at all, escaped, is XML; what XML can hold comes back the same."""
    document = f'<a b="{escape(text)}">{escape(text)}</a>'.encode()
    root = parse(document)
    assert root.text == ElementTree.fromstring(document).text or root.text == ""
    assert len(root.text) == len(text)
    if all(letter.isprintable() or letter in "\t\n\r" for letter in text):
        assert root.text == text
