"""What we ask a vCenter about a session of ours there, and what its answers mean."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import ReceivedFault, UpstreamSession
from sessiongate.wire.vim.lease_calls import (
    read_clone,
    read_probe,
    read_ticket,
    write_clone,
    write_probe,
    write_ticket,
)
from sessiongate.wire.vim.relayed import read_relayed
from tests.each import each
from tests.upstream.fakes import envelope
from tests.wire.vim.test_relayed_reply import fault, ok

TOKEN = Secret('"a-token"')
SESSION = (
    "<returnval><key>52a67ed8</key><userName>ada</userName><fullName>Ada</fullName>"
    "<locale>en</locale></returnval>"
)


def test_the_calls_carry_the_session_and_nothing_shows_it() -> None:
    for ask in (write_probe(TOKEN), write_ticket(TOKEN)):
        assert ("cookie", 'vmware_soap_session="a-token"') in ask.headers
        assert "a-token" not in repr(ask)
    assert read_relayed(write_probe(TOKEN).body).method == "RetrieveProperties"
    assert read_relayed(write_ticket(TOKEN).body).method == "AcquireCloneTicket"
    clone = write_clone(Secret("cst-<&>"))
    assert not any(name == "cookie" for name, _ in clone.headers)
    assert b"cst-&lt;&amp;&gt;" in clone.body


def test_a_probe_says_whether_the_session_lives() -> None:
    value = "<propSet><name>currentSession</name><val><key>k</key></val></propSet>"
    reply = '<RetrievePropertiesResponse xmlns="urn:vim25">{}</RetrievePropertiesResponse>'
    assert read_probe(ok(reply.format(f"<returnval>{value}</returnval>")))
    # A vCenter answers with nothing where the session has just ended.
    assert not read_probe(ok(reply.format("<returnval><obj>x</obj></returnval>")))
    assert not read_probe(ok(reply.format("")))
    assert not read_probe(fault("NotAuthenticated"))


@each("answer", [fault("SystemError"), Answer(503, (), b""), ok("<Other/>")], str)
def test_a_probe_that_does_not_say_is_no_verdict(answer: Answer) -> None:
    with pytest.raises(Malformed):
        read_probe(answer)


def test_a_ticket_and_the_session_that_it_opens() -> None:
    ticket = read_ticket(
        ok(
            '<AcquireCloneTicketResponse xmlns="urn:vim25"><returnval>cst-1</returnval>'
            "</AcquireCloneTicketResponse>"
        )
    )
    assert isinstance(ticket, Secret)
    assert ticket.reveal() == "cst-1"
    opened = read_clone(
        Answer(
            200,
            (("set-cookie", "vmware_soap_session=t2; Path=/"),),
            envelope(
                f'<CloneSessionResponse xmlns="urn:vim25">{SESSION}</CloneSessionResponse>'
            ).encode(),
        )
    )
    assert isinstance(opened, UpstreamSession)
    assert (opened.token.reveal(), opened.user.key) == ("t2", "52a67ed8")


@each("read", [read_ticket, read_clone], ["ticket", "clone"])
def test_refusals_are_values_and_nonsense_is_none(read: type) -> None:
    assert read(fault("NotAuthenticated")) == ReceivedFault("NotAuthenticated")
    for answer in (Answer(503, (), b""), ok("<Other/>")):
        with pytest.raises(Malformed):
            read(answer)
    with pytest.raises(Malformed):
        read_ticket(
            ok(
                '<AcquireCloneTicketResponse xmlns="urn:vim25"><returnval/>'
                "</AcquireCloneTicketResponse>"
            )
        )
