"""Zerto's bodies, paths, tokens and errors, without a server."""

import json
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate import errors
from sessiongate.errors import Malformed
from sessiongate.wire.zerto import (
    END,
    FORMS,
    HYPERVISOR,
    START,
    WINDOWS,
    address,
    as_issued,
    read_method,
    refusal,
)
from tests.each import each

XML_TYPE = "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/session/add", START),
        ("/V1/Session/Add/", START),
        ("/v1/session", END),
        ("/v1/SESSION/", END),
        ("/v1/session//", None),
        ("/v1/session/added", None),
        ("/v1/session%2fadd", None),
        ("/v2/session", None),
        ("", None),
    ],
)
def test_addresses(path: str, found: str | None) -> None:
    assert address(path) == found


@each(
    ("body", "content_type", "method"),
    [
        (b"", None, WINDOWS),
        (b"  \r\n", "application/json", WINDOWS),
        (b"{}", None, WINDOWS),
        (b'{"AuthenticationMethod":0}', "application/json", WINDOWS),
        (b'{"AuthenticationMethod":"1"}', "application/json", HYPERVISOR),
        (b'{"authenticationMethod":" 1 "}', None, HYPERVISOR),
        (b'{"AUTHENTICATIONMETHOD":1,"other":[]}', "text/plain", HYPERVISOR),
        (b'{"AuthenticationMethod":null}', None, WINDOWS),
        (b"<a><AuthenticationMethod>1</AuthenticationMethod></a>", "Text/XML", HYPERVISOR),
        (b"<a><b/><b><authenticationmethod> 0 </authenticationmethod></b></a>", XML_TYPE, WINDOWS),
        (b"  <AuthenticationMethod>1</AuthenticationMethod>", None, HYPERVISOR),
        (b"<a/>", "application/xml", WINDOWS),
        (b"\xef\xbb\xbf", None, WINDOWS),
        (b'\xef\xbb\xbf{"AuthenticationMethod":1}', "Application/JSON; Charset=UTF-8", HYPERVISOR),
        (
            b"\xef\xbb\xbf<a><AuthenticationMethod>1</AuthenticationMethod></a>",
            None,
            HYPERVISOR,
        ),
        (
            b"\xef\xbb\xbf<a><AuthenticationMethod>1</AuthenticationMethod></a>",
            "TEXT/XML",
            HYPERVISOR,
        ),
    ],
)
def test_methods(body: bytes, content_type: str | None, method: int) -> None:
    assert read_method(body, content_type) == method


@each(
    ("body", "content_type"),
    [
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b"[]", None),
        (b"1", None),
        (b'{"AuthenticationMethod":2}', None),
        (b'{"AuthenticationMethod":-1}', None),
        (b'{"AuthenticationMethod":true}', None),
        (b'{"AuthenticationMethod":1.0}', None),
        (b'{"AuthenticationMethod":"one"}', None),
        (b'{"AuthenticationMethod":""}', None),
        (b'{"AuthenticationMethod":{}}', None),
        (b'{"AuthenticationMethod":1,"authenticationMethod":0}', None),
        (b"<a/>", "application/json"),
        (b"<a>", "application/xml"),
        (b"<a><AuthenticationMethod/></a>", "application/xml"),
        (
            b"<a><AuthenticationMethod>1</AuthenticationMethod>"
            b"<authenticationMethod>0</authenticationMethod></a>",
            "application/xml",
        ),
        (b"<!DOCTYPE a><a/>", "text/xml"),
    ],
)
def test_other_bodies_are_malformed(body: bytes, content_type: str | None) -> None:
    with pytest.raises(Malformed):
        read_method(body, content_type)


def test_a_body_of_another_type_is_not_taken_for_xml() -> None:
    with pytest.raises(Malformed, match="JSON"):
        read_method(b"<a/>", "text/plain")


@given(
    st.one_of(
        st.binary(),
        st.dictionaries(st.sampled_from(["AuthenticationMethod", "x"]), st.integers()).map(
            msgspec.json.encode
        ),
    ),
    st.sampled_from([None, "application/json", "application/xml", "x"]),
)
def test_any_body_is_a_method_or_malformed(body: bytes, content_type: str | None) -> None:
    """Whatever the body, we get 0, 1 or Malformed, nothing else."""
    try:
        method = read_method(body, content_type)
    except Malformed:
        return
    assert method in (WINDOWS, HYPERVISOR)


def test_an_error_in_json() -> None:
    answer = refusal(errors.NoSession("for us alone"), None)
    assert (answer.status, answer.content_type) == (401, "application/json; charset=utf-8")
    assert set(json.loads(answer.body)) == {"Message"}
    assert b"for us" not in answer.body


def test_an_error_in_xml() -> None:
    answer = refusal(Malformed("1 < 2 & 3"), "text/xml")
    assert (answer.status, answer.content_type) == (400, XML_TYPE)
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, root.findtext("Message")) == ("Error", "1 < 2 & 3.")


def test_an_unforeseen_error_says_nothing() -> None:
    answer = refusal(None, None)
    assert answer.status == 500
    assert json.loads(answer.body) == {"Message": "An internal error occurred."}


def test_only_wrong_credentials_are_challenged() -> None:
    challenged = {error for error, form in FORMS.items() if form.challenge}
    assert {errors.BadCredentials, errors.LockedOut} <= challenged
    assert errors.NoSession not in challenged
    assert {FORMS[error].status for error in challenged} == {401}


@pytest.mark.parametrize(
    ("token", "known_as"),
    [
        ("0F8FAD5B-D9CB-469F-A165-70867728950E", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("ABCDEF", "ABCDEF"),
        ("0F8FAD5B-D9CB-469F-A165-70867728950E\n", "0F8FAD5B-D9CB-469F-A165-70867728950E\n"),
    ],
)
def test_a_guid_has_no_case(token: str, known_as: str) -> None:
    assert as_issued(token) == known_as
