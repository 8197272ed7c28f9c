"""One value for what a request asks: both codecs say the same, and an error carries what is known.

A gateway decides by it: object, name, arguments, tokens in the body, the client's id.
"""

import pickle
from typing import Any

import msgspec
import pytest

from sessiongate.errors import (
    Malformed,
    SessionGateError,
    UnknownAddress,
    UnknownMethod,
    UnknownName,
    UnknownObject,
    UnknownProperty,
    WrongVerb,
)
from sessiongate.secret import Secret
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.methods import METHODS, PROPERTIES, SESSION_MANAGER, Call
from sessiongate.wire.vim.request import Unread, VimRequest
from sessiongate.wire.vim.types import MoRef

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
VM = MoRef("VirtualMachine", "vm-42")
HEADER = (
    "<vcSessionCookie>5f</vcSessionCookie><operationID>op-7</operationID>"
    f'<Security xmlns="{vim_soap.SECURITY}"><Assertion/></Security>'
)


def envelope(target: MoRef, name: str, members: str = "", header: str = "") -> bytes:
    return (
        f'<Envelope xmlns="{SOAP}"><Header>{header}</Header><Body><{name}'
        f' xmlns="urn:vim25"><_this type="{target.kind}">{target.name}</_this>{members}</{name}>'
        "</Body></Envelope>"
    ).encode()


def by_json(verb: str, target: MoRef, name: str, **members: Any) -> VimRequest:
    path = f"{vim_json.PREFIX}8.0.3.0/{target.kind}/{target.name}/{name}"
    return vim_json.read_request(verb, path, msgspec.json.encode(members) if members else b"")


def refused(read: Any, *arguments: Any, **named: Any) -> Unread:
    with pytest.raises(Unread) as caught:
        read(*arguments, **named)
    assert str(caught.value) == str(caught.value.error)
    return caught.value


def test_both_codecs_say_the_same_of_a_method() -> None:
    members = "<sessionID>52</sessionID><userName>ada</userName>"
    first = vim_soap.read_request(envelope(SESSION_MANAGER, "SessionIsActive", members))
    second = by_json("POST", SESSION_MANAGER, "SessionIsActive", sessionID="52", userName="ada")
    assert first.body != second.body
    assert msgspec.structs.replace(first, body=b"") == msgspec.structs.replace(second, body=b"")
    assert first.call == Call(SESSION_MANAGER, METHODS["SessionManager", "SessionIsActive"])
    assert first.arguments == {"session_id": "52", "user_name": "ada"}


def test_both_codecs_say_the_same_of_a_property() -> None:
    fetch = envelope(SESSION_MANAGER, "Fetch", "<prop>currentSession</prop>")
    prop = PROPERTIES["SessionManager", "currentSession"]
    wanted = VimRequest(SESSION_MANAGER, "currentSession", True, Call(SESSION_MANAGER, prop))
    assert msgspec.structs.replace(vim_soap.read_request(fetch), body=b"") == wanted
    assert by_json("GET", SESSION_MANAGER, "currentSession") == wanted


def test_a_soap_header_is_in_it_whole() -> None:
    read = vim_soap.read_request(envelope(SESSION_MANAGER, "Logout", header=HEADER))
    assert read.carriers == (("vcSessionCookie", "5f"),)
    assert (read.asserted, read.operation_id) == (True, "op-7")


@pytest.mark.parametrize(
    ("target", "name", "error"),
    [
        (VM, "PowerOnVM_Task", UnknownObject),
        (SESSION_MANAGER, "Nonesuch", UnknownName),
        (SESSION_MANAGER, "CurrentTime", UnknownMethod),
        (SESSION_MANAGER, "Login", Malformed),
    ],
)
def test_what_is_not_ours_is_on_the_error_all_the_same(
    target: MoRef, name: str, error: type[SessionGateError]
) -> None:
    body = envelope(target, name, "<host>h</host>", HEADER)
    caught = refused(vim_soap.read_request, body)
    assert type(caught.error) is error
    read = caught.request
    assert (read.target, read.name, read.reads, read.body) == (target, name, False, body)
    assert (read.carriers, read.operation_id) == ((("vcSessionCookie", "5f"),), "op-7")
    assert read.arguments == {}
    if name == "Login":  # ours, with arguments that cannot be read
        assert read.call.member.name == "Login"
    else:
        with pytest.raises(UnknownMethod):
            _ = read.call


def test_a_fetch_that_is_not_ours_names_its_path() -> None:
    for target, error in ((VM, UnknownObject), (SESSION_MANAGER, UnknownProperty)):
        caught = refused(vim_soap.read_request, envelope(target, "Fetch", "<prop>runtime</prop>"))
        assert type(caught.error) is error
        assert (caught.request.name, caught.request.reads) == ("runtime", True)


def test_without_an_object_the_method_is_known() -> None:
    document = envelope(VM, "Login").replace(b"_this", b"_that")
    caught = refused(vim_soap.read_request, document)
    assert (type(caught.error), caught.request.target) == (Malformed, None)
    assert caught.request.name == "Login"


def test_without_an_envelope_nothing_is_known() -> None:
    with pytest.raises(Malformed):
        vim_soap.read_request(b"<x/>")


@pytest.mark.parametrize(
    ("verb", "target", "name", "error"),
    [
        ("POST", VM, "PowerOnVM_Task", UnknownAddress),
        ("GET", VM, "runtime", UnknownAddress),
        ("POST", MoRef("SessionManager", "x"), "Login", UnknownObject),
        ("GET", SESSION_MANAGER, "Login", WrongVerb),
        ("POST", SESSION_MANAGER, "Login", Malformed),
    ],
)
def test_in_json_it_is_on_the_error_as_well(
    verb: str, target: MoRef, name: str, error: type[SessionGateError]
) -> None:
    caught = refused(by_json, verb, target, name)
    assert type(caught.error) is error
    read = caught.request
    assert (read.target, read.name, read.reads) == (target, name, verb == "GET")


def test_an_address_of_another_shape_names_nothing() -> None:
    caught = refused(vim_json.read_request, "POST", "/sdk/vim25/8.0.3.0/x", b"")
    assert caught.request == VimRequest()


def test_nobody_changes_it_and_no_password_shows() -> None:
    document = envelope(
        SESSION_MANAGER, "Login", "<userName>ada</userName><password>s3cret</password>"
    )
    for read in (
        vim_soap.read_request(document),
        by_json("POST", SESSION_MANAGER, "Login", userName="ada", password="s3cret"),
    ):
        assert isinstance(read.arguments["password"], Secret)
        assert "s3cret" not in repr(read)
        assert "s3cret" not in str(Unread(Malformed("no"), read))
        with pytest.raises(AttributeError):
            read.name = "Logout"  # type: ignore[misc]
        with pytest.raises(TypeError):
            pickle.dumps(read)
