"""Tickets through a gateway: ours, the upstream's own, and those that nobody gets."""

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_gateway import sessions, shared_gate, upstream
from tests.end_to_end.vim_soap import Said, SoapClient

__all__ = ["upstream"]

pytestmark = pytest.mark.slow

XSI = "http://www.w3.org/2001/XMLSchema-instance"
HTTP = "<method>httpGet</method><url>https://vc.example/folder/a</url>"
VMOMI = "<method>vim.Task.cancel</method>"


def service_ticket(client: SoapClient, kind: str, inner: str) -> Said:
    spec = f'<spec xmlns:x="{XSI}" x:type="SessionManager{kind}ServiceRequestSpec">{inner}</spec>'
    named = "SessionManager"
    return client.call("AcquireGenericServiceTicket", named, named, spec)


def clone_ticket(client: SoapClient) -> str:
    return client.call("AcquireCloneTicket", "SessionManager", "SessionManager").text


def opens(server: Server, ticket: str) -> bool:
    """Whether a clone ticket opens a session at a server."""
    inner = f"<cloneTicket>{ticket}</cloneTicket>"
    said = SoapClient(server).call("CloneSession", "SessionManager", "SessionManager", inner)
    return not said.fault


def test_sec_38_tickets_are_ours_or_none_unless_the_table_says_otherwise(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = SoapClient.login(gate, ADMIN)
    for kind, inner in (("Http", HTTP), ("Vmomi", VMOMI), ("", "")):
        assert service_ticket(ada, kind, inner).fault == "NotSupported"
    assert service_ticket(SoapClient(gate), "Http", HTTP).fault == "NotAuthenticated"
    assert not sessions(upstream)
    ticket = clone_ticket(ada)
    assert not opens(upstream, ticket)
    assert opens(gate, clone_ticket(ada))


def test_service_tickets_are_the_upstream_s_where_they_are_allowed(
    upstream: Server, make_server: MakeServer
) -> None:
    allowed = "forward.service_tickets = true"
    gate = make_server(settings=shared_gate(upstream, allowed))
    ada = SoapClient.login(gate, ADMIN)
    (ticket,) = service_ticket(ada, "Http", HTTP).texts("id")
    assert len(ticket) == 36
    assert len(sessions(upstream)) == 1
    assert service_ticket(ada, "Vmomi", VMOMI).fault == "NotSupported"
    assert ticket not in gate.log.text + gate.run("audit", "export").out
    assert "AcquireGenericServiceTicket of SessionManager" in gate.run("audit", "export").out


def test_a_clone_ticket_of_the_upstream_opens_a_session_there(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream, 'forward.tickets = "upstream"'))
    ada = SoapClient.login(gate, ADMIN)
    ticket = clone_ticket(ada)
    assert not opens(gate, ticket)
    assert opens(upstream, ticket)
    assert len(sessions(upstream)) == 2
    assert service_ticket(ada, "Vmomi", VMOMI).texts("id")
    assert service_ticket(ada, "Http", HTTP).fault == "NotSupported"
    assert ticket not in gate.log.text
