"""Replies that break off, on purpose."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from sessiongate.http.connection.cut import cut_reply
from sessiongate.http.message import CutOff, Reply
from sessiongate.testing import Gate
from tests.each import each
from tests.until import PATIENCE

REPLY = Reply(200, (("content-type", "text/plain"),), b"0123456789")
HEAD = b"HTTP/1.1 200 OK\r\nDate: D\r\n"


@each(
    ("cut", "written"),
    [
        (CutOff(), b""),
        (CutOff(0), HEAD + b"Content-Length: 10\r\ncontent-type: text/plain\r\n\r\n"),
        (CutOff(4), HEAD + b"Content-Length: 10\r\ncontent-type: text/plain\r\n\r\n0123"),
        (
            CutOff(4, garbage=True),
            HEAD + b"Transfer-Encoding: chunked\r\ncontent-type: text/plain\r\n\r\n"
            b"4\r\n0123\r\nzz\r\nthis is no chunk\r\n",
        ),
    ],
)
def test_a_part_of_a_reply_is_written(cut: CutOff, written: bytes) -> None:
    assert cut_reply(REPLY, cut, "D", without_body=False) == written


def test_a_reply_to_head_has_no_body_to_cut() -> None:
    assert cut_reply(REPLY, CutOff(4), "D", without_body=True).endswith(b"\r\n\r\n")


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def gate(request: pytest.FixtureRequest) -> Iterator[Gate]:
    tls: bool = request.param
    with Gate.start(tls=tls) as started:
        yield started


def received(gate: Gate) -> tuple[bytes, bool]:
    """What comes of one request, and whether its connection was reset."""
    opened = socket.create_connection((gate.host, gate.port), timeout=PATIENCE)
    if gate.ca is not None:
        opened = gate.ssl_context().wrap_socket(
            opened, server_hostname=gate.host, suppress_ragged_eofs=False
        )
    found = b""
    with opened:
        opened.sendall(b"GET /v1/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            while piece := opened.recv(65536):
                found += piece
        except (ConnectionResetError, ssl.SSLEOFError):  # OpenSSL says so of a reset, too
            return found, True
    return found, False


@each(
    ("told", "head", "body", "reset"),
    [
        ({"fault": "conn.reset"}, False, 0, True),
        ({"fault": "conn.reset", "at": "body", "after_bytes": 5}, True, 5, True),
        ({"fault": "conn.close"}, False, 0, False),
        ({"fault": "conn.close", "at": "body", "after_bytes": 5}, True, 5, False),
        ({"fault": "conn.truncate", "after_bytes": 5}, True, 5, False),
    ],
)
def test_a_connection_ends_in_the_middle(
    gate: Gate, told: dict[str, object], head: bool, body: int, reset: bool
) -> None:
    with gate.rule(told) as placed:
        found, was_reset = received(gate)
    placed.must_hit()
    whole, _, rest = found.partition(b"\r\n\r\n")
    assert (whole.startswith(b"HTTP/1.1 401"), len(rest), was_reset) == (head, body, reset)
    if head:
        length = int(whole.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert length > body


def test_a_body_is_framed_wrongly(gate: Gate) -> None:
    with gate.fault("conn.garbage", after_bytes=3):
        found, was_reset = received(gate)
    head, _, rest = found.partition(b"\r\n\r\n")
    assert b"chunked" in head
    assert rest.startswith(b"3\r\n")
    assert rest.endswith(b"zz\r\nthis is no chunk\r\n")
    assert not was_reset


def test_the_next_connection_is_well(gate: Gate) -> None:
    with gate.fault("conn.reset", times=1):
        assert received(gate) == (b"", True)
        found, was_reset = received(gate)
    assert found.startswith(b"HTTP/1.1 401")
    assert not was_reset
