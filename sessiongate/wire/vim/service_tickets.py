"""Tickets of a session at a vCenter for other services: how they are asked for, and what comes."""

from collections.abc import Mapping

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
from sessiongate.wire.vim.soap import VIM, XSI
from sessiongate.wire.vim.types import TYPES, Data
from sessiongate.wire.xml import Element, escape

METHOD = "AcquireGenericServiceTicket"
TICKET = "SessionManagerGenericServiceTicket"
HTTP_SPEC = "SessionManagerHttpServiceRequestSpec"
VMOMI_SPEC = "SessionManagerVmomiServiceRequestSpec"

_LONGEST = 16 * 1024
"""Letters of one member. A certificate is the longest that comes."""

_MOST = 16


def write_service_ticket(token: Secret, spec: Data) -> Ask:
    """A ticket for the one request that `spec` describes, of one of the two types."""
    members = "".join(
        f"<{field.name}>{escape(str(spec.members[field.name]))}</{field.name}>"
        for field in TYPES[spec.type]
        if field.name in spec.members
    )
    inner = f'<spec xmlns:xsi="{XSI}" xsi:type="{spec.type}">{members}</spec>'
    return Ask("/sdk", (*SOAP_HEADERS, session_cookie(token)), envelope(METHOD, members=inner))


def read_service_ticket(answer: Answer) -> Data | ReceivedFault:
    """The ticket, or the fault instead. Raises Malformed."""
    if answer.status == 500:
        return read_fault(WireForm.SOAP, answer.body)
    if answer.status != 200:
        raise Malformed(f"status {answer.status}")
    reply = only(content_of(answer.body), f"{METHOD}Response", VIM)
    found = _texts(only(reply, "returnval", VIM))
    members: dict[str, str | list[str]] = {}
    for field in TYPES[TICKET]:
        texts = found.get(field.name, [])
        if len(texts) > (_MOST if field.array else 1):
            raise Malformed(f"the ticket has too many of {field.name}")
        if texts:
            members[field.name] = texts if field.array else texts[0]
    if not members.get("id"):
        raise Malformed("the ticket has no id")
    return Data(TICKET, {**members})


def _texts(ticket: Element) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in ticket.children:
        if one.children or len(one.text) > _LONGEST:
            raise Malformed("a member of the ticket is no text, or too long")
        found.setdefault(one.name, []).append(one.text)
    return found
