"""A request of the Automation API that is sent on: what is read of it, and of the answer."""

import json

import pytest

from sessiongate.errors import Malformed, WrongVerb
from sessiongate.secret import Secret
from sessiongate.wire.automation.relayed import (
    is_from_the_service,
    own_address,
    own_location,
    read_rest,
    says_unauthenticated,
)
from sessiongate.wire.http import Answer
from tests.each import each

UNAUTHENTICATED = "com.vmware.vapi.std.errors.unauthenticated"


def test_a_request_goes_on_byte_for_byte_by_another_session() -> None:
    body = b' {"a" : 1.0e0, "b": "\xc3\xa4"}'
    asked = read_rest("POST", "/api/x", "action=b&c=%20", body)
    ask = asked.ask((("opid", "1"),), Secret("theirs"))
    assert (ask.method, ask.path, ask.body) == ("POST", "/api/x?action=b&c=%20", body)
    assert ask.headers == (("opid", "1"), ("vmware-api-session-id", "theirs"))
    assert asked.name == "POST /api/x?action=b"
    assert "c=" not in repr(asked)
    assert read_rest("GET", "/api/x", "", b"").ask((), Secret("t")).path == "/api/x"


@each(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b"[1",
        b"hello",
        b"\xff\xfe{\x00}\x00",
        b'{"a":NaN}',
        b"[" * 100 + b"]" * 100,
        b"[" + b"1," * 20_000 + b"1]",
    ],
)
def test_a_body_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_rest("POST", "/api/x", "", body).require_read()


def test_who_has_a_session_may_send_far_more_than_strangers() -> None:
    long = read_rest("POST", "/api/x", "", json.dumps(["x" * 10] * 19_000).encode())
    long.require_read()
    assert long.is_long
    assert not read_rest("POST", "/api/x", "", b'{"a":1}').is_long
    assert read_rest("POST", "/api/x", "", b'"%b"' % (b"a" * 300_000)).is_long


def test_a_body_is_read_when_it_is_asked_for() -> None:
    unread = read_rest("POST", "/api/x", "", b"{{")
    with pytest.raises(Malformed):
        unread.require_read()
    read_rest("GET", "/api/x", "", b" ").require_read()


def test_sec_18_a_session_has_no_place_in_an_address() -> None:
    with pytest.raises(Malformed):
        read_rest("GET", "/api/x", "VMware-api-session-id=abc", b"")


def test_no_other_verbs() -> None:
    for verb in ("TRACE", "CONNECT", "OPTIONS", "get"):
        with pytest.raises(WrongVerb):
            read_rest(verb, "/api/x", "", b"")


def rpc(error: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": "1", "result": {"error": error}}).encode()


def test_an_authentication_fault_is_told_by_its_type() -> None:
    for status, body in (
        (401, b""),
        (400, json.dumps({"type": UNAUTHENTICATED, "value": {}}).encode()),
        (200, rpc({"ERROR": {UNAUTHENTICATED: {}}})),
    ):
        assert says_unauthenticated(Answer(status, (), body))
    for status, body in (
        (403, b""),
        (200, json.dumps({"type": UNAUTHENTICATED}).encode()),
        (200, rpc({"ERROR": {"com.vmware.vapi.std.errors.error": {"a": UNAUTHENTICATED}}})),
        (200, rpc(UNAUTHENTICATED)),
        (200, json.dumps([UNAUTHENTICATED]).encode()),
        (200, UNAUTHENTICATED.encode()),
        (400, b"[" * 5000 + UNAUTHENTICATED.encode()),
    ):
        assert not says_unauthenticated(Answer(status, (), body))


def test_what_stands_in_front_of_a_service_does_not_speak_its_language() -> None:
    for status in (502, 503, 504):
        assert not is_from_the_service(Answer(status, (), b"<html>busy</html>"))
        assert is_from_the_service(Answer(status, (), b'{"error_type":"SERVICE_UNAVAILABLE"}'))
    assert is_from_the_service(Answer(500, (), b""))


@each(
    "case",
    [
        ("https://vc1.example/api/x?y=1", "https://gw.example/api/x?y=1"),
        ("https://VC1.example:443/api/x", "https://gw.example/api/x"),
        ("/api/x", "/api/x"),
        ("https://vc2.example/api/x", None),
        ("http://vc1.example/api/x", None),
        ("https://vc1.example:8443/api/x", None),
        ("https://vc1.example@evil.example/api/x", None),
        ("https://user@vc1.example/api/x", None),
        ("https://vc1.example", None),
        ("//vc1.example/api/x", None),
        ("https://vc1.example//evil.example", None),
        ("https:/\\evil.example", None),
        ("\\\\evil.example", None),
        ("javascript:alert(1)", None),
        ("https://[::1", None),
        ("https://vc1.example:x/", None),
        ("api/x", None),
        ("/\u00e4", None),
    ],
    str,
)
def test_sec_44_a_location_leads_to_us_or_nowhere(case: tuple[str, str | None]) -> None:
    location, own = case
    assert own_location(location, "https://vc1.example", "https://gw.example") == own


def test_where_a_client_has_called_us() -> None:
    assert own_address("gw.example:8443", secure=True) == "https://gw.example:8443"
    assert own_address("[::1]:80", secure=False) == "http://[::1]:80"
    for host in ("", "a b", "a/b", "a@b", "\u00e4"):
        assert own_address(host, secure=True) == ""
