"""Accepting: in portions, and only those whose peer is still there."""

import asyncio
import errno
import socket
import ssl
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sessiongate.http.connection.causes import PEER_LEFT
from sessiongate.http.connection.edge import Edge
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.accept_loop import AcceptLoop
from sessiongate.http.listening.listener import listen
from sessiongate.http.message import Reply, Request
from tests.http.wires import Time
from tests.until import until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LEFT = 50


async def answer(_: Request) -> Reply:
    return Reply(200, (), b"here")


def leave(address: Any, *, said: bytes = b"") -> None:
    """Connect and close."""
    with socket.create_connection(address) as one:
        if said:
            one.sendall(said)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
async def test_sec_74_whoever_has_left_takes_no_handshake(said: bytes) -> None:
    refusals: Counter[str] = Counter()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listener = await listen("127.0.0.1:0", answer, HttpLimits(), tls, refusals=refusals)
    for _ in range(LEFT):  # the loop does not run: the kernel holds them all
        leave(("127.0.0.1", listener.port), said=said)
    await until(lambda: refusals.total() == LEFT)
    await listener.stop(HttpLimits().body_timeout)
    assert +refusals == {PEER_LEFT: LEFT}


async def test_sec_74_who_asks_and_says_no_more_is_answered() -> None:
    refusals: Counter[str] = Counter()
    listener = await listen("127.0.0.1:0", answer, HttpLimits(), None, refusals=refusals)
    address = ("127.0.0.1", listener.port)
    leave(address)
    with socket.create_connection(address) as one:
        one.sendall(GET)
        one.shutdown(socket.SHUT_WR)
        one.setblocking(False)
        got = await asyncio.get_running_loop().sock_recv(one, 4096)
    await listener.stop(HttpLimits().body_timeout)
    assert got.endswith(b"here")
    assert +refusals == {PEER_LEFT: 1}


class Made(asyncio.Protocol):
    """A connection of which nothing is asked."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Made.count += 1
        transport.close()


def edge_of(now: Time) -> Edge:
    return Edge(answer, HttpLimits(), now)


async def test_sec_74_others_have_their_turn_between_portions() -> None:
    """A clock that goes on by a millisecond each time it is read: two sockets use up a portion."""

    class Going(Time):
        def __call__(self) -> float:
            self.at += 0.001
            return self.at

    edge = edge_of(Going())
    opened = socket.create_server(("127.0.0.1", 0))
    loop = AcceptLoop(edge, opened, Made, tls=False)
    for _ in range(LEFT):
        leave(opened.getsockname())
    counts = []
    while edge.refusals[PEER_LEFT] < LEFT:
        counts.append(edge.refusals[PEER_LEFT])
        await asyncio.sleep(0)
    loop.close()
    assert max(after - before for before, after in pairwise(counts)) <= 2


class Scarce(socket.socket):
    """A listening socket for which the process has no descriptors left, at first."""

    refused = 0

    def _accept(self) -> tuple[int, Any]:
        if not self.refused:
            self.refused += 1
            raise OSError(errno.EMFILE, "no descriptors")
        return super()._accept()  # type: ignore[misc,no-any-return]


async def test_sec_74_where_descriptors_run_out_it_goes_on_later() -> None:
    Made.count = 0
    opened = Scarce()
    opened.bind(("127.0.0.1", 0))
    loop = AcceptLoop(edge_of(Time()), opened, Made, tls=False)
    with socket.create_connection(opened.getsockname()):
        await until(lambda: opened.refused == 1)
        assert Made.count == 0
        await until(lambda: Made.count == 1)
    loop.close()
    loop.close()


async def test_unix_sockets_are_accepted_as_they_come(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    listener = await listen(f"unix:{path}", answer, HttpLimits(), None)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(GET)
    assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
    writer.close()
    await listener.stop(HttpLimits().body_timeout)
