"""The sessions that a vCenter has, asked for by one of them: its own list, for an operator."""

import msgspec

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import (
    SOAP_HEADERS,
    ReceivedFault,
    WireForm,
    content_of,
    envelope,
    only,
    read_fault,
    session_cookie,
)
from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.xml import OF_KNOWN, Element

_READ = (
    "<specSet><propSet><type>SessionManager</type><pathSet>sessionList</pathSet></propSet>"
    '<objectSet><obj type="SessionManager">SessionManager</obj></objectSet></specSet>'
)
_LONGEST_TEXT = 256


class ListedSession(msgspec.Struct, frozen=True):
    """A session there. `key` is its whole public name, which is not for logs. Times as written."""

    key: str
    user: str
    full_name: str
    login_at: str
    active_at: str
    ip_address: str
    user_agent: str


def write_session_list(token: Secret) -> Ask:
    """All sessions there, as the user of this token may see them."""
    body = envelope("RetrieveProperties", "PropertyCollector", "propertyCollector", _READ)
    return Ask("/sdk", (*SOAP_HEADERS, session_cookie(token)), body)


def read_session_list(answer: Answer) -> list[ListedSession] | ReceivedFault | None:
    """The sessions, the fault instead, or None where this user may not see them.

    Raises Malformed.
    """
    if answer.status == 500:
        return read_fault(WireForm.SOAP, answer.body)
    if answer.status != 200:
        raise Malformed(f"status {answer.status}")
    reply = only(content_of(answer.body, OF_KNOWN), "RetrievePropertiesResponse", VIM)
    values = [
        only(part, "val", VIM)
        for one in reply.children
        for part in one.children
        if part.name == "propSet"
    ]
    if not values:
        return None
    return [_listed(one) for value in values for one in value.children if one.name == "UserSession"]


def _listed(session: Element) -> ListedSession:
    key = _text(session, "key")
    if not key:
        raise Malformed("a UserSession has no key")
    return ListedSession(
        key,
        _text(session, "userName"),
        _text(session, "fullName"),
        _text(session, "loginTime"),
        _text(session, "lastActiveTime"),
        _text(session, "ipAddress"),
        _text(session, "userAgent"),
    )


def _text(session: Element, name: str) -> str:
    child = session.child(name)
    return child.text.strip()[:_LONGEST_TEXT] if child is not None else ""
