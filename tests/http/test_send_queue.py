"""What the kernel holds of replies: its bound, and that it goes with the connection."""

import asyncio
import socket
import sys
from datetime import timedelta
from typing import Any, cast

import pytest

from sessiongate.http.limits import HttpLimits
from sessiongate.http.listener import listen
from sessiongate.http.message import Reply, Request
from sessiongate.http.send_queue import SEND_BUFFER, UNACKNOWLEDGED, unacknowledged
from tests.http.test_connection import Time
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
