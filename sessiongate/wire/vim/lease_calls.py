"""What we ask of a vCenter about a session of ours there: is it alive, and another one like it."""

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import (
    SOAP_HEADERS,
    ReceivedFault,
    UpstreamSession,
    WireForm,
    content_of,
    envelope,
    only,
    read_fault,
    read_token,
    session_cookie,
    session_of,
)
from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.xml import escape

# Real tickets have about 100 characters.
_LONGEST_TICKET = 1024

_PROBE = (
    "<specSet><propSet><type>SessionManager</type><pathSet>currentSession</pathSet></propSet>"
    '<objectSet><obj type="SessionManager">SessionManager</obj></objectSet></specSet>'
)


def write_probe(token: Secret) -> Ask:
    """Which session this token is for. It counts as use of the session."""
    body = envelope("RetrieveProperties", "PropertyCollector", "propertyCollector", _PROBE)
    return Ask("/sdk", _headers(token), body)


def read_probe(answer: Answer) -> bool:
    """Whether the session lives. Raises Malformed where the answer does not say."""
    if answer.status == 500:
        name = read_fault(WireForm.SOAP, answer.body).name
        if name == "NotAuthenticated":
            return False
        raise Malformed(f"a fault {name}".rstrip())
    if answer.status != 200:
        raise Malformed(f"status {answer.status}")
    reply = only(content_of(answer.body), "RetrievePropertiesResponse", VIM)
    found = [one for one in reply.children if one.name == "returnval"]
    return any(part.name == "propSet" for one in found for part in one.children)


def write_ticket(token: Secret) -> Ask:
    """A ticket, with which somebody else becomes who this session's user is, once."""
    return Ask("/sdk", _headers(token), envelope("AcquireCloneTicket"))


def read_ticket(answer: Answer) -> Secret | ReceivedFault:
    """The ticket, or the fault instead. Raises Malformed."""
    if answer.status == 500:
        return read_fault(WireForm.SOAP, answer.body)
    if answer.status != 200:
        raise Malformed(f"status {answer.status}")
    reply = only(content_of(answer.body), "AcquireCloneTicketResponse", VIM)
    text = only(reply, "returnval", VIM).text
    if not text or len(text) > _LONGEST_TICKET:
        raise Malformed("the ticket is empty or too long")
    return Secret(text)


def write_clone(ticket: Secret) -> Ask:
    """Another session of who the ticket is for."""
    member = f"<cloneTicket>{escape(ticket.reveal())}</cloneTicket>"
    return Ask("/sdk", SOAP_HEADERS, envelope("CloneSession", members=member))


def read_clone(answer: Answer) -> UpstreamSession | ReceivedFault:
    """The session, or the fault instead. Raises Malformed."""
    if answer.status == 500:
        return read_fault(WireForm.SOAP, answer.body)
    if answer.status != 200:
        raise Malformed(f"status {answer.status}")
    returned = only(only(content_of(answer.body), "CloneSessionResponse", VIM), "returnval", VIM)
    return UpstreamSession(WireForm.SOAP, read_token(WireForm.SOAP, answer), session_of(returned))


def _headers(token: Secret) -> tuple[tuple[str, str], ...]:
    return (*SOAP_HEADERS, session_cookie(token))
