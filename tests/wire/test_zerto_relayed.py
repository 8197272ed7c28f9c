"""What goes on to a ZVM, and what of its replies a client sees."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.wire import zerto_relayed as wire
from sessiongate.wire.http import Answer
from sessiongate.wire.zerto_relayed import Addresses, read_zerto

OURS = "https://gate.example:9669"
JSON = ("content-type", "application/json; charset=utf-8")


@pytest.mark.parametrize(
    ("theirs", "before", "after"),
    [
        ("https://zvm.example", b'{"href":"https://zvm.example/v1/vpgs/1"}', b'"OURS/v1/vpgs/1"'),
        ("https://zvm.example", b'{"href":"https://ZVM.example:443/v1"}', b'"OURS/v1"'),
        ("https://zvm.example:9669", b'{"href":"https://zvm.example:9669/v1"}', b'"OURS/v1"'),
        ("https://zvm.example", b"<href>https://zvm.example/v1/vms</href>", b">OURS/v1/vms<"),
        ("https://zvm.example", b"<a b='https://zvm.example'/>", b"'OURS'"),
        ("https://[2001:db8::1]", b'{"href":"https://[2001:db8::1]/v1"}', b'"OURS/v1"'),
    ],
)
def test_addresses_of_the_zvm_become_ours(theirs: str, before: bytes, after: bytes) -> None:
    turned = Addresses(theirs, OURS).turned(before)
    assert after.replace(b"OURS", OURS.encode()) in turned
    assert theirs.encode() not in turned


def test_json_that_escapes_its_slashes_stays_json() -> None:
    turned = Addresses("https://zvm.example", OURS).turned(
        b'{"href":"https:\\/\\/zvm.example\\/v1\\/vpgs"}'
    )
    assert turned == b'{"href":"https:\\/\\/gate.example:9669\\/v1\\/vpgs"}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"href":"https://zvm.example.evil/v1"}',
        b'{"href":"https://zvm.example:8443/v1"}',
        b'{"href":"http://zvm.example/v1"}',
        b'{"text":"see https://zvm.example/v1"}',
        b'{"href":"https://other.example/v1"}',
    ],
)
def test_other_addresses_and_the_inside_of_texts_stay(body: bytes) -> None:
    assert Addresses("https://zvm.example", OURS).turned(body) == body
    assert Addresses("https://zvm.example", "").turned(body) == body


def test_an_address_that_stands_over_two_parts_is_turned() -> None:
    addresses = Addresses("https://zvm.example", OURS)
    for escaped in ("https://zvm.example/v1", "https:\\/\\/zvm.example:443\\/v1"):
        address = f'"{escaped}"'.encode()
        for before in range((1 << 16) - len(address) - 2, (1 << 16) + 3):
            body = b" " * before + address + b" " * (1 << 16) + address
            turned = addresses.turned(body)
            assert turned.count(b"gate.example:9669") == 2, before
            assert turned.strip().replace(b" " * (1 << 16), b"") == addresses.turned(address) * 2
    assert addresses.turned(b"") == b""


def test_what_a_client_sends_back_is_the_zvms_again() -> None:
    there, back = Addresses("https://zvm.example", OURS), Addresses(OURS, "https://zvm.example")
    body = b'{"href":"https://zvm.example/v1/vpgs/1"}'
    assert back.turned(there.turned(body)) == body


def test_of_a_replys_head_goes_on_what_says_nothing_of_sessions() -> None:
    addresses = Addresses("https://zvm.example", OURS)
    secret = (("set-cookie", "a=b"), ("x-zerto-session", "t"), ("www-authenticate", "Bearer"))
    place = ("location", "https://zvm.example/v1/tasks/1")
    headers = wire.reply_headers(Answer(201, (JSON, *secret, place), b""), addresses)
    assert headers == (JSON, ("location", f"{OURS}/v1/tasks/1"))
    away = Answer(302, (("location", "https://other.example/v1"),), b"")
    assert wire.reply_headers(away, addresses) == ()


def test_a_request_is_read_once_and_its_name_says_no_query() -> None:
    request = read_zerto("PUT", "/v1/vpgs/1", "name=secret", b'{"a":1}', "application/json")
    assert (request.name, request.ask(()).path) == ("PUT /v1/vpgs/1", "/v1/vpgs/1?name=secret")
    assert "secret" not in repr(request)
    assert read_zerto("GET", "/v1/vms", "", b"", None).ask(()).path == "/v1/vms"
    assert read_zerto("POST", "/v1/vpgs", "", b"<a/>", "application/xml").body == b"<a/>"
    for body in (b'{"a":1,"a":2}', b"{"):
        with pytest.raises(Malformed):
            read_zerto("POST", "/v1/vpgs", "", body, "application/json")


def test_who_has_answered_and_in_what_form() -> None:
    assert wire.is_from_the_service(Answer(503, (), b'{"Message":"License"}'))
    assert wire.is_from_the_service(Answer(500, (), b""))
    assert not wire.is_from_the_service(Answer(502, (), b"<html>proxy</html>"))
    assert wire.is_text(Answer(200, (JSON,), b""))
    assert not wire.is_text(Answer(200, (("content-type", "application/zip"),), b""))
    assert not wire.is_text(Answer(200, (), b""))
    wire.require_plain(Answer(200, (("content-encoding", "identity"),), b""))
    with pytest.raises(Malformed):
        wire.require_plain(Answer(200, (("content-encoding", "gzip"),), b""))
