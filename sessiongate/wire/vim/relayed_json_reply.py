"""What an upstream has answered in VI/JSON, as far as a relay has to know.

The same questions as of SOAP's replies (`relayed_reply`), and for the same reason they are searched
rather than read: they may be large. What is searched for begins with a quote or a brace; inside a
text a quote has a backslash before it, so that no text is taken for one of them.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from sessiongate.errors import Malformed, NotSupported, OutcomeUnknown
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm, lacks_json, read_fault
from sessiongate.wire.vim.types import MOREF, MoRef

# A fault that says that a session is over is short. Others may be long, and are not looked into.
_LONGEST_FAULT = 64 * 1024
_OVER = frozenset({"NotAuthenticated", "InvalidSession"})
_OVER_TEXTS = (b"NotAuthenticated", b"InvalidSession")

_FAULTS = frozenset({400, 401, 403, 404, 405, 500, 503})
"""Statuses with which a service that speaks VI/JSON sends a fault."""

_LONGEST_TOKEN = 512
_BOUND = b'"session['
_USER_SESSION = re.compile(rb'"_typeName"\s*:\s*"(?:ArrayOf)?UserSession"')
_BESIDE = rb'"(?:_typeName|type|serverGuid)"\s*:\s*(?:"[^"\\]{0,400}"|null)'
_REFERENCE = re.compile(
    rb"\{\s*((?:%b\s*,\s*){0,3})" % _BESIDE
    + rb'"value"\s*:\s*"(session\[[^"\\]{0,400})"'
    + rb"((?:\s*,\s*%b){0,3})\s*\}" % _BESIDE
)
"""A reference to an object of a session, with its other members in any order."""
_TYPE = re.compile(rb'"type"\s*:')


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
    body = answer.body
    if answer.status < 400 or len(body) > _LONGEST_FAULT:
        return False
    if not any(text in body for text in _OVER_TEXTS):
        return False
    try:
        return fault_name(answer) in _OVER
    except Malformed:
        return False


def fault_name(answer: Answer) -> str:
    """The type of the fault, "" for one that is not known. Raises Malformed for what is none."""
    return read_fault(WireForm.JSON, answer.body).name


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


def shows_sessions(body: bytes) -> bool:
    """Whether it holds sessions of the upstream, which are no client's business."""
    return b"UserSession" in body and _USER_SESSION.search(body) is not None


def foreign_object(body: bytes, is_own: Callable[[str], bool]) -> bool:
    """Whether it names an object of a session that is not the client's own."""
    if _BOUND not in body:
        return False
    return any(_is_foreign(one, is_own) for one in _REFERENCE.finditer(body))


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
    if not isinstance(value, dict) or "type" not in value:
        return False
    name = value.get("value")
    return isinstance(name, str) and name.startswith("session[") and not is_own(name.strip())


def _is_foreign(reference: re.Match[bytes], is_own: Callable[[str], bool]) -> bool:
    before, name, behind = reference.groups()
    return _TYPE.search(before + b" " + behind) is not None and not is_own(_text(name))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace").strip()


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
