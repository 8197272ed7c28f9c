"""Replies that come in pieces: framed, no faster than they are read, and never cut short unseen."""

import asyncio
import re
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sessiongate.errors import OutcomeUnknown
from sessiongate.http.connection.send_queue import LARGE_SEND_BUFFER, SEND_BUFFER
from sessiongate.http.message import Reply
from tests.each import each
from tests.http.streaming import Body, StreamHouse, leave, stream_house
from tests.http.wires import GET
from tests.until import PATIENCE, until
from tests.upstream.fakes import server_tls

PIECE = bytes(range(256)) * 1024  # 256 KiB
OLD = b"GET / HTTP/1.0\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BROKE = OutcomeUnknown("the upstream has gone")


def unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            assert body == b"\r\n"
            return whole
        count = int(size, 16)
        assert body[count : count + 2] == b"\r\n"
        whole, body = whole + body[:count], body[count + 2 :]


async def asked(request: bytes, body: Body, status: int = 200) -> tuple[bytes, bytes]:
    """Head and body, up to the end of the connection."""
    async with stream_house() as house:
        house.reply = lambda _: Reply(status, (("X-A", "b"),), download=body)
        head, _, rest = (await house.whole(request)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nX-A: b" in head
        assert b"\r\nConnection: close" in head
        assert body.closed == 1
        await until(lambda: house.listener.connections == 0)
        return head, rest


async def test_a_body_of_known_length() -> None:
    head, body = await asked(CLOSE, Body(b"ab", b"", PIECE, b"c", length=len(PIECE) + 3))
    assert b"\r\nContent-Length: %d" % (len(PIECE) + 3) in head
    assert b"Transfer-Encoding" not in head
    assert body == b"ab" + PIECE + b"c"


async def test_a_body_of_unknown_length_comes_in_chunks() -> None:
    head, body = await asked(CLOSE, Body(b"ab", b"", PIECE, b"c"))
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert unchunked(body) == b"ab" + PIECE + b"c"


async def test_http_1_0_knows_no_chunks() -> None:
    head, body = await asked(OLD, Body(b"ab", PIECE))
    assert not re.search(rb"Transfer-Encoding|Content-Length", head)
    assert body == b"ab" + PIECE


@each("status", [200, 204, 304])
async def test_what_has_no_body_has_none(status: int) -> None:
    request = CLOSE.replace(b"GET", b"HEAD") if status == 200 else CLOSE
    for length in (3, None):
        body = Body(b"abc", length=length)
        head, rest = await asked(request, body, status)
        assert (b"Content-Length: 3" in head) == (status == 200 and length == 3)
        assert b"Transfer-Encoding" not in head
        assert rest == b""
        assert body.taken == 0


async def test_the_next_request_follows_on_the_connection() -> None:
    async with stream_house() as house:
        house.reply = lambda request: Reply(
            200, download=Body(request.path.encode(), length=3 if "l" in request.path else None)
        )
        answer = await house.whole(GET % b"al" + GET % b"b" + GET % b"cl" + CLOSE)
    heads = re.findall(rb"HTTP/1.1 200 OK", answer)
    assert len(heads) == 4
    assert [part in answer for part in (b"/al", b"2\r\n/b\r\n0\r\n\r\n", b"/cl")] == [True] * 3


BREAKS = {
    "broken": Body(PIECE, BROKE, length=10**6),
    "broken in chunks": Body(PIECE, BROKE),
    "a fault of ours": Body(PIECE, RuntimeError("oops")),
    "shorter": Body(PIECE, length=10**6),
    "longer": Body(PIECE, b"x", length=len(PIECE)),
}


@each("kind", BREAKS)
async def test_what_breaks_in_the_middle_never_ends_as_if_it_were_whole(kind: str) -> None:
    made = BREAKS[kind]
    for request in (CLOSE, GET % b"", OLD):
        body = Body(*made.given, length=made.length)
        async with stream_house() as house:
            house.reply = lambda _, body=body: Reply(200, download=body)  # type: ignore[misc]
            reader, _ = await house.peer(request)
            with pytest.raises(ConnectionResetError):
                await to_the_end(reader)
            assert body.closed == 1
            await until(lambda: house.listener.connections == 0)


async def to_the_end(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(PATIENCE):
        while piece := await reader.read(65536):
            assert not piece.endswith(b"0\r\n\r\n")


def silent(writer: asyncio.StreamWriter, *, reads: bool = False) -> None:
    """Read nothing from now on, or go on."""
    transport: Any = writer.transport
    (transport.resume_reading if reads else transport.pause_reading)()


async def slow(house: StreamHouse, body: Body) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    house.reply = lambda _: Reply(200, download=body)
    reader, writer = await house.peer(GET % b"")
    await until(lambda: body.taken > 0)
    return reader, writer


async def test_nothing_is_asked_for_faster_than_the_peer_reads() -> None:
    async with stream_house() as house:
        body = Body(*[PIECE] * 400)
        reader, writer = await slow(house, body)
        silent(writer)
        await until(lambda: house.connection._writer.stalled)
        assert body.taken < 24 * 1024 * 1024
        assert house.listener.admission.unread < 1024 * 1024
        silent(writer, reads=True)
        while not body.closed:
            assert await reader.read(1 << 20)
        await until(lambda: body.closed == 1)
        assert house.listener.admission.unread == 0


async def test_a_reader_that_is_stuck_is_ended_and_one_that_moves_is_not() -> None:
    async with stream_house(keep_alive=timedelta(seconds=75)) as house:
        body = Body(*[PIECE] * 400)
        reader, writer = await slow(house, body)
        connection = house.connection

        def stalled() -> bool:
            return bool(connection._writer.stalled)

        for _ in range(3):
            await until(stalled)
            while stalled() and connection._writer.undelivered() >= connection._writer._unread:
                assert await reader.read(1 << 16)
            house.later(76)
            taken = body.taken
            while body.taken == taken:
                assert await reader.read(1 << 20)
        silent(writer)
        await until(stalled)

        def ended() -> bool:
            house.later(76)
            return body.closed == 1

        await until(ended)
        await until(lambda: house.listener.connections == 0)


async def test_the_kernel_holds_more_of_it_and_of_it_alone() -> None:
    async with stream_house() as house:
        body = Body(b"a", length=1)
        body.gate = asyncio.Semaphore(0)
        house.reply = lambda _: Reply(200, download=body)
        reader, _ = await house.peer(GET % b"")
        await until(lambda: bool(house.requests) and house.connection._streaming)
        accepted = house.connection._transport.get_extra_info("socket")

        def holds() -> int:
            return int(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

        assert 2 * SEND_BUFFER < holds() <= 2 * LARGE_SEND_BUFFER
        body.gate.release()
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"\r\n\r\na")
        await until(lambda: not house.connection._streaming)
        assert holds() == 2 * SEND_BUFFER


async def test_a_peer_that_leaves_ends_it_while_it_waits_for_more() -> None:
    async with stream_house() as house:
        body = Body(b"a", b"b")
        body.gate = asyncio.Semaphore(1)
        _, writer = await slow(house, body)
        leave(writer)
        await until(lambda: body.closed == 1)
        await until(lambda: house.listener.connections == 0)


async def test_a_peer_that_has_left_before_the_reply_has_it_closed() -> None:
    async with stream_house() as house:
        house.asks.clear()
        body = Body(b"a")
        house.reply = lambda _: Reply(200, download=body)
        _, writer = await house.peer(GET % b"")
        await until(lambda: bool(house.requests))
        leave(writer)
        await until(lambda: house.connection._gone)
        house.asks.set()
        await until(lambda: body.closed == 1)
        assert body.taken == 0
        await until(lambda: house.listener.connections == 0)


async def test_a_stop_waits_for_the_end_and_closes() -> None:
    async with stream_house() as house:
        body = Body(b"a", b"b")
        body.gate = asyncio.Semaphore(1)
        reader, _ = await slow(house, body)
        stopping = asyncio.create_task(house.listener.stop(timedelta(seconds=20)))
        await until(lambda: house.listener._edge.shut)
        body.gate.release()
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        assert answer.endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
        await stopping


@each("request_", [GET % b"", OLD])
async def test_a_stop_that_waits_no_longer_breaks_it(request_: bytes) -> None:
    async with stream_house() as house:
        body = Body(b"a", b"b")
        body.gate = asyncio.Semaphore(1)
        house.reply = lambda _: Reply(200, download=body)
        reader, _ = await house.peer(request_)
        await until(lambda: body.taken > 0)
        await house.listener.stop(timedelta(0))
        assert body.closed == 1
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_download_over_tls(tmp_path: Path) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    async with stream_house(server_tls(tmp_path)) as house:
        body = Body(*[PIECE] * 40)
        house.reply = lambda _: Reply(200, download=body)
        reader, _ = await house.peer(CLOSE, trust)
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        assert unchunked(answer.partition(b"\r\n\r\n")[2]) == PIECE * 40


async def test_a_head_that_cannot_be_written_closes_the_body() -> None:
    async with stream_house() as house:
        body = Body(b"a")
        house.reply = lambda _: Reply(200, (("X", "a\r\nb"),), download=body)
        answer = await house.whole(GET % b"")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert body.closed == 1
