"""A fault is known by its type, in any form, and nothing that is received makes the reader fail."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sessiongate_client.faults import fault_of, is_dead, may_tell
from tests.each import each

_XML = "text/xml; charset=utf-8"


def soap(inside: str) -> bytes:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body><s:Fault>'
        "<faultcode>ServerFaultCode</faultcode><faultstring>NotAuthenticated</faultstring>"
        f"<detail>{inside}</detail></s:Fault></s:Body></s:Envelope>"
    ).encode()


@each(
    ("kind", "body", "fault"),
    [
        (_XML, soap('<NotAuthenticatedFault xsi:type="NotAuthenticated"/>'), "NotAuthenticated"),
        (_XML, soap("<NotAuthenticatedFault/>"), "NotAuthenticated"),
        (_XML, soap('<x:F xmlns:x="urn:vim25" xsi:type="x:NoPermission"/>'), "NoPermission"),
        (_XML, soap(""), ""),
        (_XML, b"<a><detail></a>", ""),
        (_XML, b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", ""),
        ("application/json", b'{"_typeName":"NotAuthenticated"}', "NotAuthenticated"),
        ("application/json", b'{"error_type":"UNAUTHENTICATED"}', "UNAUTHENTICATED"),
        ("application/json", b'{"_typeName":7}', ""),
        ("application/json", b'["NotAuthenticated"]', ""),
        ("text/html", b"NotAuthenticated", ""),
    ],
)
def test_the_type_is_read(kind: str, body: bytes, fault: str) -> None:
    assert fault_of(kind, body) == fault


@each(
    ("status", "kind", "body", "dead"),
    [
        (401, "", b"", True),
        (500, "application/json", b'{"_typeName":"NotAuthenticated"}', True),
        (500, _XML, soap('<F xsi:type="NotAuthenticated"/>'), True),
        # Whoever may not ask of a session has one.
        (500, "application/json", b'{"_typeName":"NoPermission"}', False),
        (500, _XML, soap('<F xsi:type="NoPermission"/>'), False),
        (500, _XML, soap('<F xsi:type="InvalidLogin"/>'), False),
        (403, "", b"", False),
        (503, "", b"", False),
        (200, "application/json", b'{"_typeName":"NotAuthenticated"}', False),
    ],
)
def test_a_session_is_dead_by_the_type_of_the_fault(
    status: int, kind: str, body: bytes, dead: bool
) -> None:
    assert is_dead(status, kind, body) is dead


def test_bodies_are_read_where_they_may_tell() -> None:
    assert may_tell(500, "application/json")
    assert may_tell(500, _XML)
    assert not may_tell(500, "application/octet-stream")
    assert not may_tell(200, "application/json")


@given(st.sampled_from(["text/xml", "application/json", ""]), st.binary(max_size=200))
def test_whatever_is_received_there_is_a_verdict(kind: str, body: bytes) -> None:
    """A fault's name or none, and never an exception."""
    assert isinstance(fault_of(kind, body), str)


@given(st.recursive(st.none() | st.text(), lambda one: st.dictionaries(st.text(), one)))
def test_whatever_json_is_received_there_is_a_verdict(value: object) -> None:
    """The same, of bodies that are JSON."""
    assert isinstance(fault_of("application/json", json.dumps(value).encode()), str)
