"""Bodies that are handed on as they come: all of them, no faster than they are taken, in time."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.http.connection.body_stream import FULL
from sessiongate.http.connection.causes import NO_BUDGET
from sessiongate.http.message import Reply
from tests.http.streaming import leave, stream_house
from tests.http.wires import GET
from tests.until import PATIENCE, until
from tests.upstream.fakes import server_tls

HEAD = b"PUT /stream HTTP/1.1\r\nHost: x\r\n%b\r\n"
LENGTH = b"Content-Length: %d\r\n"
CHUNKED = HEAD % b"Transfer-Encoding: chunked\r\n"
LARGE = bytes(range(256)) * 16384  # 4 MiB
BODY = b"abc" * 5


def declared(body: bytes, more: bytes = b"") -> bytes:
    return HEAD % (LENGTH % len(body) + more) + body


def chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    lines = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts)
    return CHUNKED + lines + b"0\r\nTrailer: gone\r\n\r\n"


Form = Callable[[bytes], bytes]
in_each_form = pytest.mark.parametrize("form", [declared, chunked])


async def status(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(PATIENCE):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"Content-Length: 2\r\n" in head:
            await reader.readexactly(2)
    return int(head.split(b" ")[1])


@in_each_form
async def test_a_body_comes_whole_wherever_it_is_cut(form: Form) -> None:
    data = form(BODY)
    async with stream_house() as house:
        for at in range(1, len(data)):
            house.pieces.clear()
            reader, writer = await house.peer(data[:at])
            if at > data.index(b"\r\n\r\n") + 4:
                await until(lambda: bool(house.requests))
            await until(lambda: house.listener.connections > 0)
            writer.write(data[at:])
            assert await status(reader) == 200
            assert house.body == BODY, at
            assert house.requests[-1].body == b""
            house.requests.clear()


@in_each_form
async def test_the_next_request_follows_on_the_connection(form: Form) -> None:
    async with stream_house() as house:
        reader, _ = await house.peer(form(BODY) + form(BODY) + GET % b"other" + form(BODY))
        assert [await status(reader) for _ in range(4)] == [200] * 4
        assert house.body == BODY * 3
        assert [one.path for one in house.requests] == ["/stream", "/stream", "/other", "/stream"]
        assert house.listener.connections == 1


async def test_what_is_not_handed_on_comes_as_ever() -> None:
    async with stream_house(body=10) as house:
        reader, _ = await house.peer(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert await status(reader) == 200
        reader, _ = await house.peer(HEAD % (LENGTH % 0))
        assert await status(reader) == 200
        assert [(one.body, one.upload) for one in house.requests] == [(b"abc", None), (b"", None)]


@in_each_form
async def test_a_body_is_as_large_as_it_is(form: Form) -> None:
    async with stream_house(body=10) as house:
        reader, _ = await house.peer(form(LARGE) if form is declared else chunked(LARGE, 64))
        assert await status(reader) == 200
        assert house.body == LARGE


async def test_sec_75_nothing_is_read_before_it_is_asked_for() -> None:
    async with stream_house() as house:
        house.asks.clear()
        reader, writer = await house.peer(declared(LARGE * 8))
        await until(lambda: bool(house.requests))
        await until(lambda: writer.transport.get_write_buffer_size() > 0)
        assert house.listener.admission.held < FULL + 512 * 1024
        assert not house.pieces
        house.asks.set()
        assert await status(reader) == 200
        assert house.body == LARGE * 8
        assert house.listener.admission.held == house.listener.admission.known_held == 0


async def test_nothing_is_read_faster_than_it_is_taken() -> None:
    async with stream_house() as house:
        house.takes = asyncio.Semaphore(0)
        reader, writer = await house.peer(declared(LARGE * 8))
        await until(lambda: bool(house.pieces))
        await until(lambda: house.connection._paused)
        assert writer.transport.get_write_buffer_size() > 0
        assert len(house.body) + house.listener.admission.known_held < FULL + 1024 * 1024
        house.later(10_000)  # no time runs while the handler is behind
        assert house.listener.connections == 1
        taking = house.takes
        house.takes = None
        taking.release()
        assert await status(reader) == 200
        assert house.body == LARGE * 8


async def test_a_sender_has_so_long_for_each_piece() -> None:
    async with stream_house(body_timeout=timedelta(seconds=30)) as house:
        reader, writer = await house.peer(HEAD % (LENGTH % 3))
        await until(lambda: len(house.requests) == 1)
        house.later(29)
        writer.write(b"a")
        await until(lambda: house.body == b"a")
        house.later(29)
        writer.write(b"a")
        await until(lambda: house.body == b"aa")
        house.later(31)
        assert await status(reader) == 408
        await until(lambda: house.errors == ["it did not come to its end"])
        assert house.refusals["slow"] == 1
        house.later(3)
        await until(lambda: house.listener.connections == 0)


@pytest.mark.parametrize("begun", [b"", b"ab"])
async def test_a_sender_that_leaves_is_heard_of(begun: bytes) -> None:
    async with stream_house() as house:
        _, writer = await house.peer(HEAD % (LENGTH % 3) + begun)
        await until(lambda: house.body == begun and bool(house.requests))
        leave(writer)
        await until(lambda: house.errors == ["its client has left"])
        await until(lambda: house.listener.connections == 0)


async def test_a_sender_that_stops_in_the_middle_is_heard_of() -> None:
    async with stream_house() as house:
        reader, writer = await house.peer(HEAD % (LENGTH % 3) + b"ab")
        await until(lambda: house.body == b"ab")
        writer.write_eof()
        await until(lambda: house.errors == ["it did not come to its end"])
        assert await reader.read() == b""
        await until(lambda: house.listener.connections == 0)


async def test_who_has_sent_all_may_close_its_half() -> None:
    async with stream_house() as house:
        house.asks.clear()
        reader, writer = await house.peer(declared(LARGE))
        await until(lambda: bool(house.requests))
        writer.write_eof()
        house.asks.set()
        assert await status(reader) == 200
        assert house.body == LARGE


BROKEN = [
    b"3\r\nabcd\r\n",
    b"x\r\n",
    b"3\nabc\r\n",
    b"0\r\nbad trailer\r\n\r\n",
    b"1;" + b"a" * 200,
]


@pytest.mark.parametrize("chunks", BROKEN)
async def test_sec_40_broken_chunks_end_it(chunks: bytes) -> None:
    async with stream_house() as house:
        answer = await house.whole(CHUNKED + b"2\r\nok\r\n" + chunks)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        await until(lambda: house.errors == ["it did not come to its end"])
        assert house.refusals["malformed_chunks"] == 1


async def test_expect_continue_is_answered_when_the_handler_asks() -> None:
    async with stream_house() as house:
        house.asks.clear()
        reader, writer = await house.peer(HEAD % (LENGTH % 3 + b"Expect: 100-continue\r\n"))
        await until(lambda: bool(house.requests))
        assert not reader._buffer  # type: ignore[attr-defined]
        house.asks.set()
        assert await status(reader) == 100
        writer.write(b"abc")
        assert await status(reader) == 200
        assert house.body == b"abc"


async def test_a_reply_before_the_body_ends_the_connection() -> None:
    async with stream_house() as house:
        house.reads = False
        house.reply = lambda _: Reply(401, (), b"no")
        reader, writer = await house.peer(HEAD % (LENGTH % 100 + b"Expect: 100-continue\r\n"))
        assert await status(reader) == 401
        assert await reader.read() == b""
        writer.write(b"a" * 100)
        house.later(3)
        await until(lambda: house.listener.connections == 0)


@in_each_form
async def test_what_follows_a_reply_before_the_body_is_never_a_request(form: Form) -> None:
    async with stream_house() as house:
        house.reads = False
        answer = await house.whole(form(GET % b"smuggled" * 3))
        assert answer.count(b"HTTP/1.1 200") == answer.count(b"HTTP/1.1") == 1
        assert b"\r\nConnection: close\r\n" in answer
        assert [one.path for one in house.requests] == ["/stream"]


async def test_a_handler_that_fails_ends_the_connection() -> None:
    async with stream_house() as house:
        house.reads = False
        house.reply = lambda _: Reply(9999)
        answer = await house.whole(declared(BODY)[:-1])
        assert answer.startswith(b"HTTP/1.1 500 ")


async def test_sec_73_a_body_of_tiny_chunks_takes_nobody_the_loop() -> None:
    async with stream_house() as house:
        reader, _ = await house.peer(CHUNKED + b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n")
        other, asks = await house.peer()
        answered = 0
        while len(house.body) < 200_000:
            asks.write(GET % b"")
            assert await status(other) == 200
            answered += 1
        assert await status(reader) == 200
        assert answered > 5


async def test_sec_75_strangers_whose_bodies_wait_are_bounded() -> None:
    async with stream_house(anonymous_total=256 * 1024, body=16 * 1024) as house:
        house.asks.clear()
        peers = [await house.peer(declared(LARGE)) for _ in range(12)]
        await until(lambda: house.refusals[NO_BUDGET] > 0)
        assert house.listener.admission.held <= 256 * 1024 + 12 * 4096
        assert len(peers) == 12


async def test_a_body_over_tls(tmp_path: Path) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    async with stream_house(server_tls(tmp_path)) as house:
        reader, _ = await house.peer(declared(LARGE) + chunked(LARGE, 5000), trust)
        assert await status(reader) == 200
        assert await status(reader) == 200
        assert house.body == LARGE * 2


async def test_a_stop_waits_for_a_body_that_comes() -> None:
    async with stream_house() as house:
        reader, writer = await house.peer(HEAD % (LENGTH % 3) + b"ab")
        await until(lambda: house.body == b"ab")
        stopping = asyncio.create_task(house.listener.stop(timedelta(seconds=20)))
        await until(lambda: house.listener._edge.shut)
        assert not stopping.done()
        writer.write(b"c")
        assert await status(reader) == 200
        await stopping
        assert house.body == b"abc"
