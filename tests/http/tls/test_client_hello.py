"""A ClientHello is handed on when it is whole."""

from sessiongate.http.tls.client_hello import ClientHello

MESSAGE = b"\x01\x00\x00\x0a0123456789"


def record(content: bytes, kind: int = 22) -> bytes:
    return bytes([kind]) + b"\x03\x01" + len(content).to_bytes(2, "big") + content


def take(*portions: bytes) -> list[tuple[bytes, bytes] | None]:
    hello = ClientHello()
    return [hello.take(memoryview(portion)) for portion in portions]


def test_one_record() -> None:
    assert take(record(MESSAGE)) == [(record(MESSAGE), b"")]


def test_sec_74_it_waits_however_it_is_cut() -> None:
    many = b"".join(record(MESSAGE[at : at + 1]) for at in range(len(MESSAGE)))
    for sent in (record(MESSAGE), record(b"") + many, record(b"\x01", 20) + record(MESSAGE)):
        pieces = [sent[at : at + 1] for at in range(len(sent))]
        assert take(*pieces) == [None] * (len(sent) - 1) + [(sent, b"")]


def test_sec_74_what_follows_is_apart() -> None:
    assert take(record(MESSAGE) + record(MESSAGE)) == [(record(MESSAGE), record(MESSAGE))]


def test_what_is_none_is_handed_on_at_once() -> None:
    assert take(b"GET / HTTP/1.1") == [(b"GET / HTTP/1.1", b"")]
    assert take(record(b"\x0b\x01\x00\x00")) == [(record(b"\x0b\x01\x00\x00"), b"")]
    assert take(record(b"\x15", 23)) == [(record(b"\x15", 23), b"")]
