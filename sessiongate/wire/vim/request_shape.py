"""A SOAP request without the few texts in which those of one toolkit differ.

Who logs in, which session is asked about, the call's own `operationID`: cut out here is what is
certain to be the whole text of such an element, by looking at the bytes alone. Between `>` and the
end tag there is plain ASCII without `<`, `>` and `&`; there is no comment, no CDATA and no
declaration (`<!`); the element's name stands in the rest exactly twice, which is its start tag and
its end tag where a parser has found it; and that parser found the same text there. So two documents
of one shape are read alike but for these texts. No password is in a shape: what holds a text that
is not cut out has none, unless the text is what a member that we know says, and no secret; nor has
what holds an attribute but types and namespaces, or a processing instruction.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sessiongate.secret import Secret
from sessiongate.wire.vim.methods import keyword
from sessiongate.wire.vim.request import VimRequest

_OPERATION = b"operationID"
_CUT = re.compile(
    # Possessive, or each other text would be looked at once for each of its letters.
    rb">([ -%'-;=?-~]{1,128}+)"
    rb"(?=</(?:[A-Za-z_][A-Za-z0-9._-]*:)?(?:operationID|sessionID|userName|password)>)"
)
_END = re.compile(rb"</(?:[^:>]*:)?([A-Za-z]+)>")
_TAG = re.compile(rb"<[^>]*>")
_DECLARATION = re.compile(rb"<\?xml [^<>]*\?>")
_HARMLESS_TAG = re.compile(
    rb"</?[\w.:-]+"
    rb"(?:\s+(?:xmlns(?::[\w.-]+)?|type|xsi:[\w.-]+)\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*"
    rb"\s*/?>"
)
"""A tag with types and namespaces at most, or what the schema's own attributes say."""
_HOLE = b"\0"
"""Stands where a text was. No document that can be read has it: XML holds no NUL."""


def cut(document: bytes) -> tuple[bytes, list[bytes]]:
    """The document without these texts, and the texts."""
    parts = _CUT.split(document)
    return _HOLE.join(parts[::2]), parts[1::2]


class RequestShape(msgspec.Struct, frozen=True):
    """What all requests of one shape ask."""

    alike: VimRequest
    """One of them, without its body and its texts."""
    holes: tuple[tuple[str, bool], ...]
    """What each text is, as the handler's keyword; "" is the operation's id. And whether it is a
    secret."""

    def filled(self, texts: Sequence[bytes], document: bytes) -> VimRequest | None:
        """What this document asks, which these texts were cut from. None where it is another."""
        if len(texts) != len(self.holes):  # it has a NUL of its own
            return None
        operation = self.alike.operation_id
        arguments = dict(self.alike.arguments)
        for (word, is_secret), said in zip(self.holes, texts, strict=True):
            text = said.decode("ascii")
            if not word:
                operation = text.strip()
            else:
                arguments[word] = Secret(text) if is_secret else text
        return msgspec.structs.replace(
            self.alike, operation_id=operation, arguments=arguments, body=document
        )


def shape_of(request: VimRequest) -> tuple[bytes, RequestShape] | None:
    """The shape of a request that was read from its whole body, and what it is known by.

    None where nothing is to be cut out, or it is not certain what, or something secret would stay.
    """
    rest, texts = cut(request.body)
    if not texts or b"<!" in rest or rest.count(_HOLE) != len(texts):
        return None
    if request.carriers or request.asserted:
        return None
    arguments = dict(request.arguments)
    holes: list[tuple[str, bool]] = []
    for said, after in zip(texts, rest.split(_HOLE)[1:], strict=True):
        end = _END.match(after)
        if end is None or rest.count(end[1]) != 2:
            return None
        is_operation = end[1] == _OPERATION
        word = "" if is_operation else keyword(end[1].decode("ascii"))
        found = request.operation_id if is_operation else arguments.pop(word, None)
        text = said.decode("ascii")
        if is_operation and not text.strip():  # as that of a request which has none
            return None
        if _plain(found) != (text.strip() if is_operation else text):
            return None
        holes.append((word, isinstance(found, Secret)))
    if has_secret(arguments.values()) or not _is_harmless(rest, request):
        return None
    operation = "" if ("", False) in holes else request.operation_id
    alike = msgspec.structs.replace(
        request, operation_id=operation, arguments=arguments, body=b"", is_filled=True
    )
    return rest, RequestShape(alike, tuple(holes))


def has_secret(values: Iterable[object]) -> bool:
    """Whether one of these is a Secret."""
    return any(isinstance(value, Secret) for value in values)


def _plain(found: object) -> object:
    return found.reveal() if isinstance(found, Secret) else found


def _is_harmless(rest: bytes, request: VimRequest) -> bool:
    """Whether no text is left of which nobody knows what it is: it might be a password, too."""
    begin = _DECLARATION.match(rest)
    inside = rest[begin.end() :] if begin is not None else rest
    inside = inside.replace(_HOLE, b">")  # which was cut out with the text
    if not all(map(_HARMLESS_TAG.fullmatch, _TAG.findall(inside))):
        return False
    known = {"", *_texts(request.arguments.values())}
    known |= {request.target.name} if request.target is not None else set()
    return {run.strip().decode("latin-1") for run in _TAG.split(inside)} <= known


def _texts(values: Iterable[object]) -> Iterable[str]:
    """What members that we know say, as it is written. No secret is among it."""
    for value in values:
        if isinstance(value, bool):
            yield str(value).lower()
        elif isinstance(value, str | int):
            yield str(value)
        elif isinstance(value, list | tuple | frozenset):
            yield from _texts(value)
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, msgspec.Struct):
            yield from _texts(getattr(value, name) for name in value.__struct_fields__)
