"""LDAP's bytes: requests as RFC 4511 has them, answers read, and nothing else believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.ldap.filter import parse
from sessiongate.identity.ldap.messages import (
    BOUND,
    ENTRY,
    EXTENDED_DONE,
    FOUND,
    LARGEST,
    START_TLS,
    Entry,
    LdapMessage,
    Result,
    bind_request,
    extended_request,
    read_entry,
    read_result,
    read_value,
    search_request,
    take,
    unbind_request,
)
from tests.each import each


def tlv(tag: int, *inner: bytes) -> bytes:
    """An element in the short or the two-byte long form, written independently of the codec."""
    body = b"".join(inner)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    return bytes([tag, 0x82, len(body) >> 8, len(body) & 255]) + body


def a_result(operation: int, code: int, text: bytes = b"", *, more: bytes = b"") -> bytes:
    body = tlv(operation, tlv(10, bytes([code])), tlv(4), tlv(4, text))
    return tlv(0x30, tlv(2, b"\1"), body, more)


def an_answer(data: bytes) -> LdapMessage:
    taken = take(data)
    assert taken is not None
    assert taken[1] == len(data)
    return taken[0]


def test_the_requests() -> None:
    # As ldap-utils send them, but for the numbers.
    assert extended_request(1, START_TLS) == bytes.fromhex(
        "301d020101 7718 8016 312e332e362e312e342e312e313436362e3230303337"
    )
    assert unbind_request(2) == bytes.fromhex("3005 020102 4200")
    policy = tlv(0xA0, tlv(0x30, tlv(4, b"1.3.6.1.4.1.42.2.27.8.5.1")))
    bind = tlv(0x60, tlv(2, b"\3"), tlv(4, b"cn=x"), tlv(0x80, b"pw"))
    assert bind_request(3, "cn=x", b"pw") == tlv(0x30, tlv(2, b"\3"), bind, policy)


def test_a_search_with_every_kind_of_filter() -> None:
    found = parse("(&(a=1)(|(b=*)(!(c>=2)))(d<=3)(e~=4)(f=x*y*z)(g=*y*)(h:1.2:=5))")
    request = search_request(200, "dc=x", found, ["cn", "sn"], subtree=True, most=2, seconds=5)

    def equal(tag: int, name: bytes, value: bytes) -> bytes:
        return tlv(tag, tlv(4, name), tlv(4, value))

    conditions = tlv(
        0xA0,
        equal(0xA3, b"a", b"1"),
        tlv(0xA1, tlv(0x87, b"b"), tlv(0xA2, equal(0xA5, b"c", b"2"))),
        equal(0xA6, b"d", b"3"),
        equal(0xA8, b"e", b"4"),
        tlv(0xA4, tlv(4, b"f"), tlv(0x30, tlv(0x80, b"x"), tlv(0x81, b"y"), tlv(0x82, b"z"))),
        tlv(0xA4, tlv(4, b"g"), tlv(0x30, tlv(0x81, b"y"))),
        tlv(0xA9, tlv(0x81, b"1.2"), tlv(0x82, b"h"), tlv(0x83, b"5")),
    )
    body = tlv(
        0x63,
        tlv(4, b"dc=x"),
        tlv(10, b"\2"),
        tlv(10, b"\0"),
        tlv(2, b"\2"),
        tlv(2, b"\5"),
        tlv(1, b"\0"),
        conditions,
        tlv(0x30, tlv(4, b"cn"), tlv(4, b"sn")),
    )
    # 200 needs a second byte, or it would be negative.
    message = tlv(0x30, tlv(2, b"\0\xc8"), body)
    assert take(request) is not None
    assert an_answer(request).number == 200
    assert an_answer(request).body == an_answer(message).body


def test_a_result_is_read() -> None:
    data = a_result(BOUND, 49, "ungültig".encode())
    answer = an_answer(data)
    assert (answer.number, answer.operation) == (1, BOUND)
    assert read_result(answer) == Result(49, "ungültig")
    assert read_result(an_answer(a_result(EXTENDED_DONE, 0))) == Result(0, "")


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("3000", None),
        ("3003810101", 1),
        ("3005a003800101", None),
        ("3008a003800101810102", 2),
        ("", None),
    ],
)
def test_the_password_policy_is_read(value: str, policy: int | None) -> None:
    control = tlv(0x30, tlv(4, b"1.3.6.1.4.1.42.2.27.8.5.1"), tlv(4, bytes.fromhex(value)))
    other = tlv(0x30, tlv(4, b"1.2.3"), tlv(1, b"\xff"))
    data = a_result(BOUND, 49, more=tlv(0xA0, other, control))
    assert read_result(an_answer(data)).policy == policy


def an_entry(*attributes: bytes) -> bytes:
    body = tlv(ENTRY, tlv(4, b"cn=a"), tlv(0x30, *attributes))
    return tlv(0x30, tlv(2, b"\1"), body)


def test_an_entry_is_read() -> None:
    name = tlv(0x30, tlv(4, b"CN"), tlv(0x31, tlv(4, b"a"), tlv(4, b"b" * 300)))
    empty = tlv(0x30, tlv(4, b"x"), tlv(0x31))
    found = read_entry(an_answer(an_entry(name, empty)))
    assert found == Entry("cn=a", {"cn": (b"a", b"b" * 300), "x": ()})


@pytest.mark.parametrize(
    "data",
    [
        an_entry(tlv(0x31)),
        an_entry(tlv(0x30, tlv(4, b"x"))),
        an_entry(tlv(0x30, tlv(4, b"x"), tlv(0x31, tlv(2, b"1")))),
        an_entry(tlv(0x30, tlv(4, b"\xff"), tlv(0x31))),
        tlv(0x30, tlv(2, b"\1"), tlv(ENTRY, tlv(4, b"x"))),
    ],
)
def test_what_is_no_entry(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_entry(an_answer(data))


@pytest.mark.parametrize(
    "data",
    [
        tlv(0x30, tlv(2, b"\1"), tlv(FOUND)),
        tlv(0x30, tlv(2, b"\1"), tlv(FOUND, tlv(2, b"\0"), tlv(4), tlv(4))),
        tlv(0x30, tlv(2, b"\1"), tlv(FOUND, tlv(10), tlv(4), tlv(4))),
        tlv(0x30, tlv(2, b"\1"), tlv(FOUND, tlv(10, b"1" * 9), tlv(4), tlv(4))),
        tlv(0x30, tlv(2, b"\1"), tlv(FOUND, tlv(10, b"\0"), b"\4\5x")),
    ],
)
def test_what_is_no_result(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_result(an_answer(data))


@each(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x31\x05\x02\x01\x01\x42\x00",
        b"\x3f\x01\x00",
        b"\x30\x80\x02\x01\x01",
        b"\x30\x85\0\0\0\0\1",
        b"\x30\x84" + LARGEST.to_bytes(4, "big"),
        tlv(0x30),
        tlv(0x30, tlv(2, b"\1")),
        tlv(0x30, tlv(4, b"\1"), tlv(BOUND)),
        tlv(0x30, tlv(2, b"\1"), tlv(BOUND), tlv(0xA0, tlv(0x30))),
        tlv(0x30, tlv(2, b"\1"), b"\x61\x09x"),
    ],
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError):
        take(data)


def test_a_message_in_pieces_waits_for_the_rest() -> None:
    data = a_result(BOUND, 0, b"x" * 200)
    for cut in range(len(data)):
        assert take(data[:cut]) is None
    assert take(data + data) == (an_answer(data), len(data))


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: tlv(0x30, rest)))
def test_no_bytes_do_harm(data: bytes) -> None:
    """Whatever a server sends is an answer, incomplete, or a ValueError, and nothing else."""
    try:
        taken = take(data)
        if taken is not None:
            for read in (read_result, read_entry, read_value):
                read(taken[0])
    except ValueError:
        return
    assert taken is None or taken[1] <= len(data)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(min_size=1, max_size=70_000))
def test_name_and_password_arrive_as_they_are(name: str, password: bytes) -> None:
    """A bind request holds exactly the name and the password that were given, of any length."""
    body = an_answer(bind_request(7, name, password)).body
    typed = name.encode()
    assert body == b"\2\1\3\4" + _size(typed) + typed + b"\x80" + _size(password) + password


def _size(value: bytes) -> bytes:
    if len(value) < 128:
        return bytes([len(value)])
    digits = f"{len(value):x}"
    raw = bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
    return bytes([128 + len(raw)]) + raw
