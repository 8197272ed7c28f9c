"""What the kernel holds of replies: its bound, and that it goes with the connection."""

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from sessiongate.http.bounds.admission import UNREAD
from sessiongate.http.bounds.idle_sockets import PATIENCE
from sessiongate.http.connection.send_queue import SEND_BUFFER, UNACKNOWLEDGED, unacknowledged
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import Listener, listen
from sessiongate.http.message import Reply, Request
from tests.http.wires import GET, Time
from tests.until import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Linux holds, and says of it")

LARGE = bytes(4 << 20)


async def large(request: Request) -> Reply:
    return Reply(200, (), LARGE, shared=True)


async def drained(peer: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(peer, 65536):
        pass


async def test_sec_75_the_kernel_holds_little_for_who_does_not_read_and_no_orphan() -> None:
    """It held 1.9 MB for each, and kept it when the connection was closed."""
    time = Time()
    listener = await listen("127.0.0.1:0", large, HttpLimits(), None, now=time)
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", listener.port))
        await loop.sock_sendall(peer, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: listener.admission.unread > 0)
        (connection,) = listener._edge.connections
        transport = cast("Any", connection)._transport
        accepted = transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER
        waits = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert waits == UNACKNOWLEDGED
        assert 0 < unacknowledged(transport) <= 2 * SEND_BUFFER
        time.at += 10_000
        listener.sweep()
        await until(lambda: listener.connections == 0)
        with pytest.raises(ConnectionResetError):
            await drained(peer)
    await listener.stop(timedelta(0))


BODY = bytes(range(256)) * 160
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Leaving:
    """Somebody who asks for what fits into the kernel, by a connection that ends with it."""

    def __init__(self, listener: Listener, time: Time, peer: socket.socket) -> None:
        self.listener = listener
        self.time = time
        self.peer = peer

    async def asks(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.peer.setblocking(False)
        await loop.sock_connect(self.peer, ("127.0.0.1", self.listener.port))
        await loop.sock_sendall(self.peer, request)
        if b"close" not in request:
            self.peer.shutdown(socket.SHUT_WR)
        await until(lambda: self.listener.admission.unread > 0)

    async def reads(self, count: int = -1) -> bytes:
        """So many bytes, or all until the server closes."""
        got = b""
        async with asyncio.timeout(PATIENCE):
            while len(got) != count and (
                piece := await asyncio.get_running_loop().sock_recv(self.peer, 2048)
            ):
                got += piece
        return got

    def later(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.time.at += 1
            self.listener.sweep()


@pytest.fixture
async def leaving() -> AsyncIterator[Leaving]:
    async def handle(request: Request) -> Reply:
        return Reply(200, (), BODY)

    time = Time()
    listener = await listen("127.0.0.1:0", handle, HttpLimits(), None, now=time)
    with socket.socket() as peer:
        yield Leaving(listener, time, peer)
        await listener.stop(timedelta(0))


in_each_way = pytest.mark.parametrize(
    "request_",
    [CLOSE, CLOSE + b"\r\n", GET % b""],
    ids=["a last reply", "and more was sent", "the peer says no more"],
)


@in_each_way
async def test_sec_75_what_a_closed_connection_leaves_unread_counts_until_it_is_late(
    leaving: Leaving, request_: bytes
) -> None:
    """The kernel kept it for 75 seconds, when the server had forgotten the connection."""
    await leaving.asks(request_)
    leaving.later(60)
    assert leaving.listener.connections == 1
    assert leaving.listener.admission.unread > len(BODY) // 2
    leaving.later(2 * 75)
    await until(lambda: leaving.listener.connections == 0)
    assert leaving.listener.admission.unread == leaving.listener.admission.inside == 0
    with pytest.raises(ConnectionResetError):
        await leaving.reads()


@in_each_way
async def test_sec_75_who_reads_slowly_gets_all_of_a_last_reply(
    leaving: Leaving, request_: bytes
) -> None:
    await leaving.asks(request_)
    got = b""
    while len(got) < len(BODY) * 3 // 4:
        leaving.later(40)
        got += await leaving.reads(8 * 2048)
    got += await leaving.reads()
    assert got.endswith(b"\r\n\r\n" + BODY)
    leaving.later(10)
    await until(lambda: leaving.listener.connections == 0)
    assert leaving.listener.admission.unread == leaving.listener.admission.inside == 0


async def test_sec_75_strangers_who_leave_replies_unread_by_closing_make_room(
    leaving: Leaving,
) -> None:
    await leaving.asks(CLOSE)
    admission = leaving.listener.admission
    admission.limits = HttpLimits(anonymous_total=len(BODY))
    leaving.time.at += PATIENCE
    with socket.socket() as peer:
        newcomer = Leaving(leaving.listener, leaving.time, peer)
        await newcomer.asks(CLOSE)
        await until(lambda: admission.refusals[UNREAD] == 1)
        assert (await newcomer.reads()).endswith(BODY)


async def test_a_peer_that_resets_its_connection_has_nothing_unread(leaving: Leaving) -> None:
    await leaving.asks(GET % b"")
    leaving.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    leaving.peer.close()
    leaving.later(5)
    await until(lambda: leaving.listener.connections == 0)
