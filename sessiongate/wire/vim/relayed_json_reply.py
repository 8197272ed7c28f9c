"""What an upstream has answered in VI/JSON, as far as a relay has to know.

The same questions as of SOAP's replies (`relayed_reply`), and for the same reason they are searched
rather than read: they may be large. What is searched for begins with a quote or a brace; inside a
text a quote has a backslash before it, so that no text is taken for one of them. Letters that are
written as numbers, which could hide one, count as what must not be shown (`is_plain`).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sessiongate.errors import Malformed, NotSupported, OutcomeUnknown
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm, lacks_json, read_fault
from sessiongate.wire.vim.relayed_fault import CANCELLED, SESSION_OVER, is_one_of
from sessiongate.wire.vim.types import MOREF, MoRef

_FAULTS = frozenset({400, 401, 403, 404, 405, 500, 503})
"""Statuses with which a service that speaks VI/JSON sends a fault."""

_LONGEST_TOKEN = 512
_LONGEST_SPACE = 80
"""Between a colon and a value. Servers write one space, or none."""
_BOUND = b'"session['
_BACKSLASH = ord("\\")
_USER_SESSION = re.compile(rb'"_typeName"\s*:\s*"[^"\\]*UserSession')
_FLAT = re.compile(rb'\{(?:[^{}"]++|"(?:[^"\\]|\\.)*+")*+\}')
"""An object in which no other is."""
_SPELT_OUT = re.compile(rb"\\u00(?:2[Dd]|3[0-9]|4[1-9A-Fa-f]|5[0-9ABFabf]|6[1-9A-Fa-f]|7[0-9Aa])")
"""What no server writes as a number: letters, digits, and what stands in ids and keys."""
_CUT_SHORT = re.compile(rb'"truncated"\s*:\s*true')


class _Reference(msgspec.Struct):
    type: str
    value: str
    type_name: str = msgspec.field(name="_typeName", default=MOREF)


class _Page(msgspec.Struct):
    token: str | None = None


_reference_of = msgspec.json.Decoder(_Reference | None).decode
_page_of = msgspec.json.Decoder(_Page | None).decode
_checked = msgspec.json.Decoder(msgspec.Raw).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def says_session_is_over(answer: Answer) -> bool:
    """Whether it is the fault for a call without a session that lives. By type, not by status."""
    return is_one_of(WireForm.JSON, answer, SESSION_OVER)


def says_it_was_cancelled(answer: Answer) -> bool:
    """Whether it is the answer of a wait that was ended on purpose."""
    return is_one_of(WireForm.JSON, answer, CANCELLED)


def fault_name(answer: Answer) -> str:
    """The type of the fault, "" for one that is not known. Raises Malformed for what is none."""
    return read_fault(WireForm.JSON, answer.body).name


def ordinary_type(_: Answer) -> tuple[str, str] | None:
    """None: what is JSON has to be looked at closer, always."""
    return None


def is_from_the_service(answer: Answer) -> bool:
    """Whether the service has answered, and not something in front of it."""
    return answer.status not in (502, 503, 504) or _is_fault(answer)


def require_whole(answer: Answer) -> None:
    """Raise OutcomeUnknown where it is neither a result nor a fault in VI/JSON.

    Raises NotSupported where there is no VI/JSON at the upstream, as before 8.0 U1.
    """
    if answer.all("content-encoding"):
        raise OutcomeUnknown("its answer is packed")
    if answer.status in (200, 204) and not answer.body:
        return
    if answer.status == 200 and _is_json(answer):
        return
    if answer.status in _FAULTS and _is_fault(answer):
        return
    if lacks_json(answer):
        raise NotSupported("the upstream does not speak VI/JSON")
    raise OutcomeUnknown(f"status {answer.status}, and no VI/JSON")


def is_plain(answer: Answer) -> bool:
    """Whether all that is searched for in it would be found: nothing hides letters of its text."""
    body = answer.body
    for found in _SPELT_OUT.finditer(body):
        before = found.start()
        while before and body[before - 1] == _BACKSLASH:
            before -= 1
        if (found.start() - before) % 2 == 0:
            return False
    return True


def returned_object(answer: Answer) -> MoRef | None:
    """The object that a call has returned; None where it has returned none."""
    try:
        found = _reference_of(answer.body)
    except _UNREADABLE:
        return None
    if found is None or found.type_name != MOREF or not found.type or not found.value:
        return None
    return MoRef(found.type, found.value)


def next_page(body: bytes) -> str:
    """The token with which a read of properties goes on; "" where it is whole."""
    try:
        page = _page_of(body)
    except _UNREADABLE:
        return ""
    token = page.token if page is not None else None
    return token if token and len(token) <= _LONGEST_TOKEN else ""


def is_cut_short(body: bytes) -> bool:
    """Whether it is a part of what there is to tell, so that the next wait has the rest."""
    return _CUT_SHORT.search(body) is not None


def shows_sessions(body: bytes) -> bool:
    """Whether it holds sessions of the upstream, which are no client's business."""
    return b"UserSession" in body and _USER_SESSION.search(body) is not None


def foreign_object(body: bytes, is_own: Callable[[str], bool]) -> bool:
    """Whether it names an object of a session that is not the client's own."""
    return any(not is_own(name) for name in _references(body))


def without_foreign(body: bytes, is_own: Callable[[str], bool]) -> bytes:
    """The reply without the references to objects of a session that are not the client's own."""
    if not foreign_object(body, is_own):
        return body
    try:
        return msgspec.json.encode(_without({"": msgspec.json.decode(body)}, is_own).get(""))
    except _UNREADABLE:
        return body  # in which they are noticed


def _without(value: Any, is_own: Callable[[str], bool]) -> Any:  # noqa: ANN401 - whatever JSON is
    if isinstance(value, dict):
        inside = {name: _without(one, is_own) for name, one in value.items()}
        return {name: one for name, one in inside.items() if not _names_foreign(one, is_own)}
    if isinstance(value, list):
        return [_without(one, is_own) for one in value if not _names_foreign(one, is_own)]
    return value


def _names_foreign(value: object, is_own: Callable[[str], bool]) -> bool:
    name = _bound_name(value)
    return name is not None and not is_own(name)


def _references(body: bytes) -> Iterator[str]:
    """The ids in references to objects of a session.

    A reference is flat, and its members are names: no text of anybody's stands in it. So the last
    brace before its id is its own; where that is another one, it stands in or behind a text.
    """
    begin, since, at = 0, 0, body.find(_BOUND)
    while at >= 0:
        begin = max(body.rfind(b"{", since, at), begin)
        if body[max(begin, at - _LONGEST_SPACE) : at].rstrip().endswith(b":"):
            found = _FLAT.match(body, begin)
            name = _read_name(found[0]) if found is not None else None
            if name is not None:
                yield name
        since = at + len(_BOUND)
        at = body.find(_BOUND, since)


def _read_name(reference: bytes) -> str | None:
    try:
        return _bound_name(msgspec.json.decode(reference))
    except _UNREADABLE:
        return None


def _bound_name(value: object) -> str | None:
    """The id in a reference to an object of a session; None for what is none.

    What says of itself that it is something else is none: some data have a type and a value, too.
    """
    if not isinstance(value, dict) or "type" not in value:
        return None
    name = value.get("value")
    if value.get("_typeName", MOREF) != MOREF or not isinstance(name, str):
        return None
    return name.strip() if name.startswith("session[") else None


def _is_json(answer: Answer) -> bool:
    if not any("json" in kind.lower() for kind in answer.all("content-type")):
        return False
    try:
        _checked(answer.body)
    except _UNREADABLE:
        return False
    return True


def _is_fault(answer: Answer) -> bool:
    if not _is_json(answer):
        return False
    try:
        fault_name(answer)
    except Malformed:
        return False
    return True
