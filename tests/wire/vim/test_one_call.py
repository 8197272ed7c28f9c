"""A document in which two readers would find two calls is not sent on."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.wire.vim.relayed import read_relayed
from tests.each import each
from tests.wire.vim.test_relayed import call, soap

LOGOUT = '<Logout xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this></Logout>'
NOW = call("CurrentTime", kind="ServiceInstance", name="ServiceInstance").decode()
THIS = "<_this type='SessionManager'>SessionManager</_this>"
SPEC = "<specSet>{}<objectSet><obj type='X'>a</obj>{}</objectSet></specSet>"


def with_more(before: str, more: str) -> bytes:
    assert before in NOW
    return NOW.replace(before, more + before).encode()


TWO_WAYS = {
    "a body of no namespace": with_more("</s:Envelope>", f'<Body xmlns="">{LOGOUT}</Body>'),
    "a body of another namespace": with_more(
        "</s:Envelope>", f'<Body xmlns="urn:x">{LOGOUT}</Body>'
    ),
    "a body of SOAP 1.2": with_more(
        "</s:Envelope>",
        f'<Body xmlns="http://www.w3.org/2003/05/soap-envelope">{LOGOUT}</Body>',
    ),
    "something before the body": with_more("<s:Body>", "<x/>"),
    "a header after the body": with_more("</s:Envelope>", "<s:Header/>"),
    "a second object": call("AcquireTicket", THIS),
    "a second object of another namespace": call("AcquireTicket", '<_this xmlns="urn:x">a</_this>'),
    "a member of another namespace": call("CreateFolder", '<x:name xmlns:x="urn:x">a</x:name>'),
    "two paths": call(
        "RetrieveProperties",
        SPEC.format("", "<selectSet><type>X</type><path>a</path><path>viewList</path></selectSet>"),
    ),
    "two types": call(
        "RetrieveProperties", SPEC.format("<propSet><type>A</type><type>B</type></propSet>", "")
    ),
    "two objects of one": call("RetrieveProperties", SPEC.format("", "<obj type='X'>b</obj>")),
    "two tokens": call("ContinueRetrievePropertiesEx", "<token>1</token><token>2</token>"),
    "a type of another namespace": call("Destroy_Task", '<e v:type="View" xmlns:v="urn:v">a</e>'),
    "a reference to elsewhere": call("Destroy_Task", '<e href="#1"/>'),
}


@each("document", TWO_WAYS.values(), TWO_WAYS.keys())
def test_sec_38_what_can_be_read_in_two_ways_is_refused(document: bytes) -> None:
    with pytest.raises(Malformed):
        read_relayed(document)


ONE_WAY = {
    "a list of types": call(
        "CreateContainerView", "<type>A</type><type>B</type><recursive>1</recursive>"
    ),
    "the version that pyVmomi speaks": NOW.replace(
        "<_this ", '<_this versionId="8.0.3.0" xsi:type="ManagedObjectReference" '
    ).encode(),
    "an object of another server": call("CreateListView", "<obj type='X' serverGuid='1'>a</obj>"),
    "an empty header": with_more("<s:Body>", "<s:Header/>"),
    "a list of objects": call("CreateListView", "<obj type='X'>a</obj><obj type='X'>b</obj>"),
    "unqualified members": soap(
        '<v:Fetch xmlns:v="urn:vim25"><_this type="X">a</_this><prop>name</prop></v:Fetch>'
    ),
    "several specifications": call("RetrieveProperties", SPEC.format("", "") * 2),
    "several paths of properties": call(
        "RetrieveProperties",
        SPEC.format(
            "<propSet><type>A</type><pathSet>a</pathSet><pathSet>b</pathSet></propSet>", ""
        ),
    ),
}


@each("document", ONE_WAY.values(), ONE_WAY.keys())
def test_what_clients_send_is_read(document: bytes) -> None:
    assert read_relayed(document).method
