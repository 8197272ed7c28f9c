"""What an upstream has answered, as far as a relay has to know: faults, new objects, session keys.

Replies may be large, so that they are searched and not parsed: for a word first, and where it
stands, for the tag before it. In a text `<` is written as an entity, so that the last one before a
word begins the tag that the word stands in or after. Spellings that could hide a word (`is_plain`)
and tags that cannot be read count as what must not be shown.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from sessiongate.errors import OutcomeUnknown
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm, content_of, read_fault
from sessiongate.wire.vim.relayed_fault import CANCELLED, SESSION_OVER, is_one_of
from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.xml import OF_KNOWN

# A word is looked for by `find`: `in` asks first whether it is a number, by an exception, and takes
# twice as long.

KEY_LENGTH = 36
"""Of the key of a session, theirs and ours: one can stand in the place of the other."""

_TOKEN = re.compile(rb"<token>([^<]{1,512})</token>")
_CUT_SHORT = re.compile(rb"<truncated>\s*(?:true|1)\s*</truncated>")
_BOUND = b"session["
_SESSION = b"UserSession"

# Of an element's start tag: its name, and the attributes. No tag of an end, a comment or the like.
_TAG = re.compile(
    rb"<([^\s<>\"'/!?=]++)((?:[^<>\"']++|\"[^<\"]*+\"|'[^<']*+')*+)(?<!/)>"
)  # fmt: skip
_QUOTED = re.compile(rb"\"[^\"]*+\"|'[^']*+'")
_TEXT_TYPE = re.compile(rb"\s[\w.-]+:type\s*=\s*([\"'])(?:[\w.-]+:)?(?:string|anyURI)\1")

# Encodings in which a letter of ASCII is this letter and nothing else is.
_ENCODINGS = frozenset({"utf-8", "us-ascii", "iso-8859-1"})
_DECLARED = re.compile(rb"<\?xml\s[^<>]*?\sencoding\s*=\s*[\"']([^\"'<>]*)[\"']")
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
# A character by its number, but for ends of lines, tabs, marks of XML and what is beyond ASCII.
_SPELT_OUT = re.compile(
    rb"""&\#(?!(?:
        x0?[9AaDd] | x2[267] | x3[CcEe] | x[89A-Fa-f][0-9A-Fa-f] | x[1-9A-Fa-f][0-9A-Fa-f]{2,5}
        | 9 | 10 | 13 | 34 | 38 | 39 | 60 | 62 | 1(?:2[89]|[3-9][0-9]) | [2-9][0-9]{2}
        | [1-9][0-9]{3,6}
    );)""",
    re.VERBOSE,
)


class _Reference(NamedTuple):
    """A mention of an object that belongs to a session."""

    begin: int
    end: int
    """Where the element ends; `begin` where nobody can tell what it is."""
    name: str
    """The id of the object; "" where nobody can tell."""


def says_session_is_over(answer: Answer) -> bool:
    """Whether it is the fault for a call without a session that lives. By type, not by status."""
    return is_one_of(WireForm.SOAP, answer, SESSION_OVER)


def says_it_was_cancelled(answer: Answer) -> bool:
    """Whether it is the answer of a wait that somebody has ended."""
    return is_one_of(WireForm.SOAP, answer, CANCELLED)


def fault_name(answer: Answer) -> str:
    """The type of the fault, "" for one that is not known. Raises Malformed for what is none."""
    return read_fault(WireForm.SOAP, answer.body).name


def is_from_the_service(answer: Answer) -> bool:
    """Whether the service has answered, and not something in front of it."""
    if answer.status not in (502, 503, 504):
        return True
    return b"Envelope" in answer.body[:4096]


def is_soap(answer: Answer) -> bool:
    """Whether it is a SOAP result or fault, not packed."""
    if answer.status not in (200, 500):
        return False
    is_xml = False
    for name, value in answer.headers:
        if name == "content-type":
            is_xml = is_xml or "xml" in value.lower()
        elif name == "content-encoding":
            return False
    return is_xml


def require_whole(answer: Answer) -> None:
    """Raise OutcomeUnknown where it is neither a result nor a fault."""
    if not is_soap(answer):
        raise OutcomeUnknown(f"status {answer.status}, and no SOAP")


def returned_object(answer: Answer) -> MoRef | None:
    """The object that a call has returned; None where it has returned none. Raises Malformed."""
    returned = [
        one for reply in content_of(answer.body, OF_KNOWN).children for one in reply.children
    ]
    for one in returned:
        if (one.namespace, one.name) == (VIM, "returnval") and not one.children:
            kind = one.attributes.get(("", "type"), "")
            if kind and one.text.strip():
                return MoRef(kind, one.text.strip())
    return None


def next_page(body: bytes) -> str:
    """The token with which a read of properties goes on; "" where it is whole."""
    found = _TOKEN.search(body)
    return found[1].decode("utf-8", "replace") if found is not None else ""


def is_cut_short(body: bytes) -> bool:
    """Whether it is a part of what there is to tell, so that the next wait has the rest."""
    return _CUT_SHORT.search(body) is not None


def ordinary_type(answer: Answer) -> tuple[str, str] | None:
    """The header with the type of a reply for which `require_whole` and `is_plain` hold, by one
    look. None where one of them does not, or has to look closer.
    """
    if answer.status != 200:
        return None
    typed = None
    for header in answer.headers:
        name = header[0]
        if name == "content-type":
            if typed is not None:
                return None
            typed = header
        elif name == "content-encoding":
            return None
    body = answer.body
    end = body.find(b">") + 1
    if typed is None or not 4 <= end <= _SHORT or len(typed[1]) > _SHORT:
        return None
    if not _begins_ordinarily(body[:end], typed[1]):
        return None
    plain = body.find(b"<!") < 0 and body.find(b"<?", 1) < 0 and body.find(b"&#") < 0
    return typed if plain else None


def is_plain(answer: Answer) -> bool:
    """Whether all that is searched for in it would be found: nothing hides letters of its text.

    They are hidden in comments, CDATA sections, processing instructions and document types, as
    numbers of characters, or in an encoding that writes them otherwise.
    """
    body = answer.body.removeprefix(b"\xef\xbb\xbf")
    if body[:1] != b"<" or b"\0" in body[:4] or not goes_on_plainly(body[1:]):
        return False
    declaration = body[: body.find(b">") + 1] if body[:5] == b"<?xml" else b""
    kinds, size = [], len(declaration)
    for name, value in answer.headers:
        if name == "content-type":
            kinds.append(value)
            size += len(value)
    # An upstream says the same of nearly all its replies; to search for it takes 4 microseconds.
    judge = _kept_encoding if size <= _SHORT else _is_plainly_encoded
    return judge(declaration, tuple(kinds))


def _is_plainly_encoded(declaration: bytes, kinds: tuple[str, ...]) -> bool:
    """Whether all that is said of the encoding, in XML and in the head, is one of these."""
    said = [found[1].decode("latin-1")] if (found := _DECLARED.match(declaration)) else []
    if not said and b"encoding" in declaration:
        return False
    said += [one for kind in kinds for one in _CHARSET.findall(kind)]
    return all(one.lower() in _ENCODINGS for one in said)


_SHORT = 256
_kept_encoding = lru_cache(maxsize=64)(_is_plainly_encoded)


@lru_cache(maxsize=64)
def _begins_ordinarily(first: bytes, kind: str) -> bool:
    """Whether a body of this type that begins with this tag or declaration is plain XML."""
    declaration = first if first[:5] == b"<?xml" else b""
    plain = first[:1] == b"<" and b"\0" not in first[:4] and "xml" in kind.lower()
    return plain and _is_plainly_encoded(declaration, (kind,))


def goes_on_plainly(body: bytes) -> bool:
    """The same of what follows a beginning that is plain."""
    if body.find(b"<!") >= 0 or body.find(b"<?") >= 0:
        return False
    return body.find(b"&#") < 0 or _SPELT_OUT.search(body) is None


def whole_elements(body: bytes) -> int:
    """How many bytes of a part of a reply end with the last end tag in it that is whole.

    No tag or text is cut there that begins before. 0 for none.
    """
    begin = body.rfind(b"</")
    end = body.find(b">", begin) if begin >= 0 else -1
    if begin >= 0 > end:  # the last one has only begun
        begin = body.rfind(b"</", 0, begin)
        end = body.find(b">", begin) if begin >= 0 else -1
    return end + 1


def shows_sessions(body: bytes) -> bool:
    """Whether it holds sessions of the upstream, which are no client's business.

    Whatever tag has their type's name in it counts. A text may have it.
    """
    return body.find(_SESSION) >= 0 and any(tag is None for _, _, tag in _mentions(body, _SESSION))


def foreign_object(body: bytes, is_own: Callable[[str], bool]) -> bool:
    """Whether it names an object of a session that is not the client's own."""
    return body.find(_BOUND) >= 0 and any(not is_own(one.name) for one in _references(body))


def without_foreign(body: bytes, is_own: Callable[[str], bool]) -> bytes:
    """The reply without the references to objects of a session that are not the client's own.

    What cannot be read stays: `foreign_object` finds it.
    """
    parts, at = list[bytes](), 0
    for one in _references(body):
        if not is_own(one.name):
            parts.append(body[at : one.begin])
            at = max(at, one.end)
    return b"".join((*parts, body[at:])) if parts else body


def _references(body: bytes) -> Iterator[_Reference]:
    judged: dict[bytes, bool] = {}  # a reply has thousands of tags, and few that differ
    for begin, at, tag in _mentions(body, _BOUND):
        if tag is None:
            yield _Reference(begin, begin, "")
            continue
        refers = judged.get(tag[0])
        if refers is None:
            refers = judged[tag[0]] = _may_refer(tag)
        before = body[tag.end() : at].strip()
        if not refers or (before and b"&" not in before):
            continue  # a text
        end = body.find(b"<", at)
        closing = b"</" + tag[1]
        ends = body.find(b">", end) + 1 if end >= 0 else 0
        if before or not ends or body[end : ends - 1].rstrip() != closing:
            yield _Reference(begin, begin, "")
        else:
            yield _Reference(begin, ends, body[at:end].decode("utf-8", "replace").strip())


def _may_refer(tag: re.Match[bytes]) -> bool:
    """Whether what such a tag holds may be a reference: it says a type, and not that of a text."""
    if b"ManagedObjectReference" in tag[0] or b"&" in tag[0]:
        return True
    return b"type" in _QUOTED.sub(b"", _TEXT_TYPE.sub(b"", tag[2]))


def _mentions(body: bytes, word: bytes) -> Iterator[tuple[int, int, re.Match[bytes] | None]]:
    """Where the word stands, but once in each text, and the `<` before it.

    With the tag before it if it stands in a text, None if it stands in a tag, or if nobody can
    tell. Each byte is looked at a few times at most, whatever the body is made of.
    """
    at = body.find(word)
    since = 0
    while at >= 0:
        begin = max(body.rfind(b"<", since, at), since)
        yield begin, at, _TAG.match(body, begin, at)
        since = body.find(b"<", at)
        if since < 0:
            return
        at = body.find(word, since)
