"""Tickets of a vCenter: what is asked, as our own server reads it, and what its answer gives."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.client import ReceivedFault
from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.service_tickets import (
    HTTP_SPEC,
    METHOD,
    VMOMI_SPEC,
    read_service_ticket,
    write_service_ticket,
)
from sessiongate.wire.vim.types import Data
from tests.each import each
from tests.upstream.fakes import envelope
from tests.wire.vim.test_relayed_reply import fault

SPECS = [
    Data(HTTP_SPEC, {"method": "httpGet", "url": "https://vc/folder?a=1&b=<2>"}),
    Data(HTTP_SPEC, {"url": "https://vc/"}),
    Data(VMOMI_SPEC, {"method": "vim.Task.cancel"}),
]


@each("spec", SPECS, str)
def test_what_is_asked_arrives_as_it_was_asked(spec: Data) -> None:
    ask = write_service_ticket(Secret("a token"), spec)
    assert dict(ask.headers)["cookie"] == "vmware_soap_session=a token"
    call = vim_soap.read_envelope(ask.body).call
    member = METHODS["SessionManager", METHOD]
    assert vim_soap.read_call(call, vim_soap.read_target(call)).member == member
    assert vim_soap.read_arguments(member, call) == {"spec": spec}
    assert "a token" not in repr(ask)


def answered(inner: str, status: int = 200) -> Answer:
    body = envelope(f'<{METHOD}Response xmlns="urn:vim25">{inner}</{METHOD}Response>')
    return Answer(status, (("content-type", "text/xml"),), body.encode())


def test_a_ticket_is_read_member_by_member() -> None:
    inner = (
        "<returnval><id>52-a</id><hostName>esx1</hostName><certThumbprintList>a</certThumbprintList>"
        "<certThumbprintList>b</certThumbprintList><unknown>x</unknown></returnval>"
    )
    assert read_service_ticket(answered(inner)) == Data(
        "SessionManagerGenericServiceTicket",
        {"id": "52-a", "hostName": "esx1", "certThumbprintList": ["a", "b"]},
    )
    refused = read_service_ticket(fault("NotSupported"))
    assert refused == ReceivedFault("NotSupported")


@each(
    "inner",
    [
        "",
        "<returnval/>",
        "<returnval><id></id></returnval>",
        "<returnval><id>a</id><id>b</id></returnval>",
        "<returnval><id><b/></id></returnval>",
        f"<returnval><id>{'a' * 20_000}</id></returnval>",
        "<returnval><id>a</id></returnval><returnval><id>a</id></returnval>",
        f"<returnval><id>a</id>{'<certThumbprintList>a</certThumbprintList>' * 17}</returnval>",
    ],
)
def test_what_is_no_ticket_is_refused(inner: str) -> None:
    with pytest.raises(Malformed):
        read_service_ticket(answered(inner))
    with pytest.raises(Malformed):
        read_service_ticket(answered("", 404))
