"""XML in, with nothing that XML can do to a server: the one place where XML is parsed.

Document types and entity declarations are refused by the parser's own events, so that no encoding
trick hides them; nothing outside the document is ever fetched; depth and number of elements are
bounded, and the body's size has been bounded before. One parse over the whole body.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape as _escape

import msgspec

from sessiongate.errors import Malformed
from sessiongate.rules.xml_text import UNHOLDABLE

DEEPEST = 64
"""Real SOAP requests of this API stay below fifteen levels."""
LARGEST = 256 * 1024
"""Bytes: as many as a document with a SAML assertion may have, the largest that is of any use. A
megabyte took 20 to 60 ms of everybody's time, whatever was in it."""
MOST_ELEMENTS = 4_000
"""Real requests hold some dozens. So many are read in about 5 ms."""
MOST_WORK = 8_200
_LITTLE_WORK = 200
_BYTES_A_UNIT = 26
_ELEMENT, _ATTRIBUTE, _DECLARATION = 2, 1, 4
"""Reading is counted in units of about half a microsecond; a declaration is one of a namespace.
Beyond the first few a document needs so many bytes for each: a key of a session takes 59 and is one
element, a group in a SAML assertion 80 with its type. Logins need about 50 units. So what strangers
may send, 64 KiB, is read within 2 ms."""
MOST_ATTRIBUTES = 100
"""Of one element. Real ones have up to ten."""
_FEW_MARKS = 600
"""Each attribute has an equals sign and two quotes, and Expat reads all of an element's before we
can count them: 90,000 in a megabyte took 70 ms. Text may have many of one of them, as a password
may, but not of both."""
_FEW_LINES = 500
_BYTES_A_LINE = 10
"""Expat stops at each end of a line: a text of 64 KiB that held nothing else took 1.5 ms."""
LONGEST_NAMESPACE = 256
"""The longest in real requests (WS-Security's) has 80 characters."""
MOST_NAMESPACES = 32
"""That hold at one place. Real requests have about ten."""
_MOST_MARKS = 100_000
_TOO_MUCH = "the XML holds too many elements, attributes or namespaces for its size"
_NONE: Mapping[tuple[str, str], str] = MappingProxyType({})
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/"
_ENCODINGS = frozenset({"utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1"})


class Element(msgspec.Struct):
    """An element by namespace and local name; prefixes are gone. `text` is its own text, joined."""

    namespace: str
    name: str
    attributes: Mapping[tuple[str, str], str]
    children: list["Element"]
    text: str = ""
    end: int = -1
    """Where its end tag begins, in bytes, for who reads with `places`."""

    def child(self, name: str) -> "Element | None":
        """The first child of this local name."""
        for child in self.children:
            if child.name == name:
                return child
        return None


class XmlLimits(msgspec.Struct, frozen=True):
    """What a document may hold. `work` is in units; None: by the document's size."""

    size: int
    elements: int
    work: int | None
    marks: int
    """Attributes, as far as signs tell, before Expat has read any."""


OF_STRANGERS = XmlLimits(LARGEST, MOST_ELEMENTS, None, _FEW_MARKS)
OF_KNOWN = XmlLimits(8 * 1024 * 1024, 100_000, 400_000, _MOST_MARKS)
"""For callers with a live session, and for an upstream's answers: what clients ask of a vCenter
names thousands of objects. It is read within half a second."""


def parse(
    document: bytes,
    *,
    work: int | None = None,
    places: bool = False,
    limits: XmlLimits = OF_STRANGERS,
) -> Element:
    """The root element. Raises Malformed with a sentence that repeats nothing of the document.

    It may take so many units of `work`; where none are named, as many as `limits` say. With
    `places` each element says where its end tag begins.
    """
    if len(document) > limits.size:
        raise Malformed(f"the XML is larger than {limits.size} bytes")
    size = len(document)
    if _marks(document) > limits.marks + size // _BYTES_A_UNIT:
        raise Malformed("the XML holds too many attributes")
    if _lines(document) > _FEW_LINES + size // _BYTES_A_LINE:
        raise Malformed("the XML holds too many lines")
    if work is None:
        work = most_work(size) if limits.work is None else limits.work
    reader = _Reader(work, limits.elements)
    return reader.read(document, places=places)


def _marks(document: bytes) -> int:
    """How many attributes it has at most. Counting takes a microsecond for a thousand bytes."""
    signs = document.count(b"=")
    if signs <= _FEW_MARKS:
        return signs
    return min(signs, (document.count(b'"') + document.count(b"'")) // 2)


def _lines(document: bytes) -> int:
    return sum(document.count(end) for end in (b"\n", b"\r") if end in document)


def most_work(size: int) -> int:
    """How many units of work a stranger's document of so many bytes may take."""
    return min(MOST_WORK, _LITTLE_WORK + size // _BYTES_A_UNIT)


class _Reader:
    """Expat's events made into Elements, with the limits kept as they come.

    Prefixes are resolved here: expat would write each name out with its namespace, so that half a
    megabyte of namespace and 9,000 empty elements became gigabytes, and 15 seconds of one core.
    """

    def __init__(self, work: int, most_elements: int) -> None:
        self._left = work
        self._most_elements = self._elements_left = most_elements
        # The outermost stands for the document: Expat sees to it that it gets just one child.
        self._root = self._top = Element("", "", {}, [])
        self._scope: Mapping[str, str] = {"": "", "xml": _XML_NAMESPACE}
        self._around: list[tuple[Element, Mapping[str, str]]] = []
        """The elements that the topmost stands in, each with the namespaces that hold there."""
        self._pieces: dict[int, list[str]] = {}
        """Text that has come in pieces, by the depth of its element. Nearly none does."""

    def read(self, document: bytes, *, places: bool) -> Element:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        if places:

            def end(name: str) -> None:
                self._top.end = parser.CurrentByteIndex
                self._end(name)

            parser.EndElementHandler = end
        parser.CharacterDataHandler = self._data
        try:
            parser.Parse(document, True)
        except expat.ExpatError as broken:
            raise Malformed(
                f"the XML is not well-formed at line {broken.lineno}, column {broken.offset + 1}"
            ) from None
        return self._root.children[0]

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise Malformed("the XML is in an encoding that is not taken here; use UTF-8")

    def _doctype(self, *_: object) -> NoReturn:
        raise Malformed("a document type declaration is not taken here")

    def _start(self, name: str, attributes: list[str]) -> None:
        around, above, scope = self._around, self._top, self._scope
        around.append((above, scope))
        if len(around) > DEEPEST:
            raise Malformed(f"the XML is nested deeper than {DEEPEST} elements")
        self._elements_left -= 1
        if self._elements_left < 0:
            raise Malformed(f"the XML holds more than {self._most_elements} elements")
        self._left -= _ELEMENT
        if self._left < 0:
            raise Malformed(_TOO_MUCH)
        named = _NONE
        if attributes:
            named = self._attributes(attributes)
            scope = self._scope
        space, local = _resolved(name, scope, scope[""]) if ":" in name else (scope[""], name)
        self._top = element = Element(space, local, named, [])
        above.children.append(element)

    def _attributes(self, given: list[str]) -> Mapping[tuple[str, str], str]:
        """An element's own attributes. The namespaces that it declares hold from here on."""
        if len(given) > 2 * MOST_ATTRIBUTES:
            raise Malformed(f"an XML element holds more than {MOST_ATTRIBUTES} attributes")
        own, declared = _parted(given)
        self._left -= _ATTRIBUTE * len(own) + _DECLARATION * len(declared)
        if self._left < 0:
            raise Malformed(_TOO_MUCH)
        if declared:
            self._scope = _widened(self._scope, declared)
        return _named(own, self._scope) if own else _NONE

    def _end(self, _name: str) -> None:
        if self._pieces:
            pieces = self._pieces.pop(len(self._around), None)
            if pieces is not None:
                self._top.text = "".join(pieces)
        self._top, self._scope = self._around.pop()

    def _data(self, data: str) -> None:
        top = self._top
        if not top.text:
            top.text = data
        else:
            self._pieces.setdefault(len(self._around), [top.text]).append(data)


def _parted(attributes: list[str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """An element's own attributes by name, and the namespaces it declares by prefix."""
    own: dict[str, str] = {}
    declared: dict[str, str] = {}
    pairs = iter(attributes)
    for name, value in zip(pairs, pairs, strict=True):
        if name.startswith("xmlns") and name[5:6] in ("", ":"):
            declared[name[6:]] = value
        else:
            own[name] = value
    return own, declared


def _widened(scope: Mapping[str, str], declared: Mapping[str, str]) -> Mapping[str, str]:
    """The namespaces by prefix that hold in an element that declares these."""
    for prefix, space in declared.items():
        if len(space) > LONGEST_NAMESPACE:
            raise Malformed(f"an XML namespace is longer than {LONGEST_NAMESPACE} characters")
        # Of names in XML 1.0: no prefix for nothing, and none of the two that are taken.
        if ":" in prefix or prefix == "xmlns" or (prefix and not space):
            raise Malformed("an XML namespace cannot be declared in this way")
        if (prefix == "xml") != (space == _XML_NAMESPACE) or space == _XMLNS_NAMESPACE:
            raise Malformed("an XML namespace cannot be declared in this way")
    widened = {**scope, **declared}
    if len(widened) > MOST_NAMESPACES:
        raise Malformed(f"the XML has more than {MOST_NAMESPACES} namespaces at one place")
    return widened


def _named(own: Mapping[str, str], scope: Mapping[str, str]) -> Mapping[tuple[str, str], str]:
    named = {_resolved(name, scope, ""): value for name, value in own.items()}
    if len(named) != len(own):
        raise Malformed("an XML element has an attribute twice")
    return named


def _resolved(name: str, scope: Mapping[str, str], default: str) -> tuple[str, str]:
    """Namespace and local name. `default` is the namespace of a name without a prefix."""
    prefix, colon, local = name.partition(":")
    if not colon:
        return default, name
    space = scope.get(prefix) if prefix else None
    if space is None or not local or ":" in local:
        raise Malformed("an XML name has a prefix that stands for no namespace")
    return space, local


def escape(text: str) -> str:
    """Text as XML character data or attribute value. What XML 1.0 cannot hold becomes U+FFFD."""
    if _SPECIAL.search(text) is not None:
        text = _escape(text, _ENTITIES)
    if text.isprintable():
        return text
    return UNHOLDABLE.sub("\ufffd", text)


# A bare carriage return would be read back as a line feed.
_ENTITIES = {'"': "&quot;", "\r": "&#13;"}
# Most texts hold nothing to escape, which this says in a third of the time of escaping.
_SPECIAL = re.compile('[&<>"\r]')
