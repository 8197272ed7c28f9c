"""A SOAP request that is to be sent on to an upstream: what it asks, and what of it is rewritten.

It is read by the strict reader, over the very bytes that are sent on: what was judged is what the
upstream gets. Rewritten are session keys in references and in `sessionId`, and the
reference that a call is for; everything else goes on as it came. So a document has to be in UTF-8,
and what is rewritten has to stand in it letter by letter.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from sessiongate.errors import Malformed
from sessiongate.wire.http import Ask, Headers
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.one_call import one_call_only
from sessiongate.wire.vim.soap import FETCH, message_of, read_target
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.xml import OF_KNOWN, OF_STRANGERS, Element, parse

SESSION_MANAGER_ID = "SessionManager"
"""The id of the object that is ours at every upstream."""

OF_A_SESSION = re.compile(r"session\[\S*", re.IGNORECASE)
"""What the ids of objects look like that belong to a session."""

RETRIEVES = frozenset({"RetrieveProperties", "RetrievePropertiesEx", "CreateFilter"})
"""Methods that say which properties of which objects are read."""


class Place(NamedTuple):
    """A text of the document, and where its first byte is; below 0 for one of the path."""

    text: str
    at: int


class Relayed(msgspec.Struct, frozen=True, gc=False):
    """What a request asks of the upstream."""

    document: bytes
    target: MoRef
    this: Place
    """The id of the target, in the document."""
    method: str
    namespace: str
    references: tuple[Place, ...]
    """Ids of objects that belong to a session, wherever one is named."""
    named: frozenset[str]
    """Ids of all objects that it names, whatever they look like."""
    session_ids: tuple[Place, ...]
    """Keys of sessions, as arguments."""
    objects: tuple[MoRef, ...]
    """The objects that a read of properties begins with."""
    paths: tuple[tuple[str, str], ...]
    """Type and path of the properties that are read; the path is "" for all of them."""
    steps: tuple[tuple[str, str], ...]
    """Type and path of the properties by which a read goes on to further objects."""
    token: str
    """Of a read that comes in pages."""
    operation_id: str
    carriers: tuple[tuple[str, str], ...]
    form: WireForm = WireForm.SOAP
    path: tuple[str, str] = ("/sdk", "")
    """What stands before and behind the id of the target, for forms that have it in the path."""

    def __repr__(self) -> str:
        return f"Relayed({self.method!r})"  # never the document: passwords may be in it

    @property
    def is_about_sessions(self) -> bool:
        """Whether it is for the SessionManager, or reads properties of nothing else."""
        if self.target.name == SESSION_MANAGER_ID:
            return True
        if self.method not in RETRIEVES or self.steps:
            return False
        return {one.name for one in self.objects} == {SESSION_MANAGER_ID}

    @property
    def pages(self) -> bool:
        """Whether its answer may come in pages."""
        return self.method == "RetrievePropertiesEx"

    @property
    def names_session_manager(self) -> bool:
        """Whether the SessionManager is named anywhere, or a step leads to it."""
        if SESSION_MANAGER_ID in self.named:
            return True
        read = (*self.steps, *self.paths)
        return bool(read) and any("sessionmanager" in path.casefold() for _, path in read)


def read_relayed(document: bytes, *, known: bool = False) -> Relayed:
    """Read a request. Raises Malformed, also where another reader could find another call in it.

    `known` callers may send far more than strangers.
    """
    root = parse(document, places=True, limits=OF_KNOWN if known else OF_STRANGERS)
    message = message_of(root)
    call = message.call
    one_call_only(root, call)
    target = read_target(call)
    this = call.child("_this")
    assert this is not None  # noqa: S101  read_target has found it
    references, session_ids, named = [], [], {target.name}
    for element in every(call):
        if element.children:
            continue
        text = element.text.strip()
        if element is this or ("", "type") in element.attributes or text == SESSION_MANAGER_ID:
            named.add(text)
        if OF_A_SESSION.fullmatch(text) is not None:  # whatever its element says of it
            named.add(text)
            references.append(placed(document, element))
        elif element.name == "sessionId" and element.text.strip():
            session_ids.append(placed(document, element))
    sets = _sets(call)
    return Relayed(
        document,
        target,
        placed(document, this),
        call.name,
        call.namespace,
        tuple(references),
        frozenset(named),
        tuple(session_ids),
        tuple(_objects(sets)),
        tuple(_paths(call, sets)),
        tuple(_steps(sets)),
        _text(call, "token"),
        message.operation_id,
        message.carriers,
    )


def write_ask(request: Relayed, changes: Mapping[Place, str], headers: Headers) -> Ask:
    """The request as it is sent, with these texts in the place of those."""
    document = request.document
    return Ask("/sdk", headers, rewritten(document, changes) if changes else document)


def rewritten(document: bytes, changes: Mapping[Place, str]) -> bytes:
    """The document with these texts in the place of those."""
    parts: list[bytes] = []
    at = 0
    for place in sorted(changes, key=lambda one: one.at):
        parts += (document[at : place.at], changes[place].encode())
        at = place.at + len(place.text.encode())
    return b"".join((*parts, document[at:]))


def placed(document: bytes, element: Element) -> Place:
    """Where the text of an element stands. Raises Malformed where not letter by letter."""
    text = element.text
    written = text.encode()
    start = element.end - len(written)
    if start < 0 or document[start : element.end] != written or document[start - 1] != ord(">"):
        raise Malformed("a reference has to be written in UTF-8, letter by letter")
    bare = text.strip()
    return Place(bare, start + len(text[: text.index(bare)].encode()) if bare else start)


def every(element: Element) -> Iterator[Element]:
    """The element and all inside it, in the order of the document."""
    left = [element]
    while left:
        one = left.pop()
        yield one
        left.extend(reversed(one.children))


def _sets(call: Element) -> list[Element]:
    """The specifications of a read of properties, or of a filter."""
    return [one for one in call.children if one.name in ("specSet", "spec")]


def _children(holders: list[Element], *names: str) -> list[Element]:
    for name in names:
        holders = [child for one in holders for child in one.children if child.name == name]
    return holders


def _objects(sets: list[Element]) -> Iterator[MoRef]:
    for one in _children(sets, "objectSet", "obj"):
        yield MoRef(one.attributes.get(("", "type"), ""), one.text.strip())


def _paths(call: Element, sets: list[Element]) -> Iterator[tuple[str, str]]:
    if call.name == FETCH:
        yield "", _text(call, "prop")
    for one in _children(sets, "propSet"):
        kind = _text(one, "type")
        if _text(one, "all") in ("true", "1"):
            yield kind, ""
        for path in _children([one], "pathSet"):
            yield kind, path.text.strip()


def _steps(sets: list[Element]) -> Iterator[tuple[str, str]]:
    for begun in _children(sets, "objectSet", "selectSet"):
        for one in every(begun):
            if one.name in ("selectSet", "selectionSpec") or one is begun:
                yield _text(one, "type"), _text(one, "path")


def _text(holder: Element, name: str) -> str:
    child = holder.child(name)
    return child.text.strip() if child is not None else ""
