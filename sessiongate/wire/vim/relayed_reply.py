"""What an upstream has answered, as far as a relay has to know: faults, new objects, session keys.

Replies may be large, so that they are searched and not parsed. What is searched for are tags, from
their `<` on: in a text that is written as an entity, so that no text is taken for one of them.
"""

import re
from collections.abc import Callable

from sessiongate.errors import Malformed
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm, content_of, read_fault
from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.xml import OF_KNOWN

KEY_LENGTH = 36
"""Of the key of a session, theirs and ours: one can stand in the place of the other."""

# A fault that says that a session is over is short. Others may be long, and are not looked into.
_LONGEST_FAULT = 64 * 1024
_OVER = frozenset({"NotAuthenticated", "InvalidSession"})
_OVER_TEXTS = (b"NotAuthenticated", b"InvalidSession")

_TOKEN = re.compile(rb"<token>([^<]{1,512})</token>")
_BOUND = b"session["
_ATTRIBUTES = rb"(?:\s+[\w:.-]{1,64}\s*=\s*(?:\"[^\"<]{0,400}\"|'[^'<]{0,400}')){0,32}?"
_REFERENCE = re.compile(
    rb"<([\w:.-]{1,64})" + _ATTRIBUTES + rb"\s+type\s*=\s*[\"']" + rb"[^\"'<]{0,400}[\"']"
    + _ATTRIBUTES + rb"\s*>\s*(session\[[^<]{0,400})</\1\s*>"
)  # fmt: skip
_USER_SESSION = re.compile(
    rb"<[\w:.-]{1,64}" + _ATTRIBUTES + rb"\s+(?:[\w.-]{1,32}:)?type\s*=\s*[\"']"
    rb"(?:[\w.-]{1,32}:)?(?:ArrayOf)?UserSession[\"']"
)


def says_session_is_over(answer: Answer) -> bool:
    """Whether it is the fault for a call without a session that lives. By type, not by status."""
    body = answer.body
    if answer.status != 500 or len(body) > _LONGEST_FAULT:
        return False
    if not any(text in body for text in _OVER_TEXTS):
        return False
    try:
        return fault_name(answer) in _OVER
    except Malformed:
        return False


def says_it_was_cancelled(answer: Answer) -> bool:
    """Whether it is the answer of a wait that somebody has ended."""
    if answer.status != 500 or len(answer.body) > _LONGEST_FAULT:
        return False
    try:
        return b"RequestCanceled" in answer.body and fault_name(answer) == "RequestCanceled"
    except Malformed:
        return False


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
    if answer.status not in (200, 500) or answer.all("content-encoding"):
        return False
    return any("xml" in kind.lower() for kind in answer.all("content-type"))


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


def with_key(body: bytes, theirs: str, ours: str) -> bytes:
    """The reply with our key of the session in the place of the upstream's."""
    return body.replace(theirs.encode(), ours.encode())


def shows_sessions(body: bytes) -> bool:
    """Whether it holds sessions of the upstream, which are no client's business."""
    return b"UserSession" in body and _USER_SESSION.search(body) is not None


def foreign_object(body: bytes, is_own: Callable[[str], bool]) -> bool:
    """Whether it names an object of a session that is not the client's own."""
    if _BOUND not in body:
        return False
    return any(not is_own(_named(one)) for one in _REFERENCE.finditer(body))


def without_foreign(body: bytes, is_own: Callable[[str], bool]) -> bytes:
    """The reply without the references to objects of a session that are not the client's own."""
    return _REFERENCE.sub(lambda one: one.group() if is_own(_named(one)) else b"", body)


def _named(reference: re.Match[bytes]) -> str:
    """The id of the object that a reference names."""
    return reference[2].decode("utf-8", "replace").strip()
