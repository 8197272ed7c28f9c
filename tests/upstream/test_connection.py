"""Requests that go out as they come: framed by us, no faster than they are taken, never whole when
they are not."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from sessiongate.errors import Malformed, OutcomeUnknown
from sessiongate.http.connection.send_queue import reset
from sessiongate.upstream.connection import FULL, NEVER, IncomingReply, UpstreamConnection
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.reply_reader import KEPT_HEADS
from sessiongate.wire.http import Answer, Ask
from tests.each import each
from tests.until import until
from tests.upstream.fakes import http
from tests.upstream.test_exchange import LONG, ask, calling, serving

PUT = Ask("/folder/a?dsName=b", (("content-type", "x/y"),), b"", "PUT")
OK = http(200, "<ok/>")
PIECE = b"x" * FULL


class Upload:
    """A body in these pieces. With `gate`, each waits for as many releases of it."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self.length = length
        self.given = pieces
        self.gate: asyncio.Semaphore | None = None
        self.taken = 0
        self.closed = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            for piece in self.given:
                if self.gate is not None:
                    await self.gate.acquire()
                if isinstance(piece, Exception):
                    raise piece
                self.taken += len(piece)
                yield piece
        finally:
            self.closed = True


async def send(
    exchange: Exchange,
    body: Upload,
    within: timedelta = LONG,
    gap: timedelta = LONG,
) -> IncomingReply:
    return await exchange.send(PUT, body, within=within, gap=gap)


class Upstream:
    """Reads a whole request of this body, says this, and goes on."""

    def __init__(self, end: bytes, answer: bytes = OK) -> None:
        self.end = end
        self.answer = answer
        self.got = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            while not self.got.endswith(self.end):
                if not (data := await reader.read(65536)):
                    return
                self.got += data
            self.end = b"\r\n\r\n"
            writer.write(self.answer)
            self.got += b"|"


async def test_sec_41_a_body_goes_out_by_a_framing_of_ours() -> None:
    for length, line, sent in (
        (5, b"content-length: 5", b"abcde"),
        (None, b"transfer-encoding: chunked", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
    ):
        upstream = Upstream(sent)
        async with serving(upstream) as url, calling(url) as exchange:
            body = Upload(b"ab", b"", b"cde", length=length)
            reply = await send(exchange, body)
            assert await reply.whole(100) == b"<ok/>"
            reply.close()
            assert exchange.connections == 0
            assert body.closed
        first, _ = upstream.got.split(b"|")
        head, _, rest = first.partition(b"\r\n\r\n")
        assert rest == sent
        assert head.split(b"\r\n") == [
            b"PUT /folder/a?dsName=b HTTP/1.1",
            b"host: " + url.removeprefix("http://").encode(),
            b"content-type: x/y",
            line,
        ]


async def test_an_upload_goes_on_no_connection_that_somebody_has_used() -> None:
    async with serving(Upstream(b"\r\n\r\n")) as url, calling(url) as exchange:
        await ask(exchange, Ask("/", (), b"", "GET"))
        body = Upload(b"a", length=1)
        body.gate = asyncio.Semaphore(0)
        sending = asyncio.create_task(send(exchange, body))
        await until(lambda: exchange.connections == 2)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert exchange.connections == 1


async def test_nothing_is_taken_faster_than_the_upstream_reads() -> None:
    reads = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reads.wait()
        await reader.readexactly(400 * FULL)
        writer.write(OK)

    async with serving(serve) as url, calling(url) as exchange:
        body = Upload(*[PIECE] * 400, length=400 * FULL)
        sending = asyncio.create_task(send(exchange, body))
        await until(lambda: any(line._stalled for line in exchange._connections))
        assert body.taken < 100 * FULL
        reads.set()
        reply = await sending
        assert await reply.whole(100) == b"<ok/>"
        reply.close()


async def test_a_refusal_before_the_end_ends_the_request() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(401, "no"))

    async with serving(serve) as url, calling(url) as exchange:
        body = Upload(b"a", b"b")
        body.gate = asyncio.Semaphore(1)
        reply = await send(exchange, body)
        assert (reply.status, await reply.whole(10)) == (401, b"no")
        reply.close()
        assert body.closed
        await until(lambda: exchange.connections == 0)


async def test_an_upstream_that_agrees_before_the_end_gets_the_rest() -> None:
    got = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        got = await reader.readexactly(2)
        writer.write(got)

    async with serving(serve) as url, calling(url) as exchange:
        body = Upload(b"a", b"b", length=2)
        body.gate = asyncio.Semaphore(0)
        sending = asyncio.create_task(send(exchange, body))
        await until(lambda: body.gate is not None and any(x._reply for x in exchange._connections))
        await until(lambda: any(x._reply and x._reply.status for x in exchange._connections))
        assert not sending.done()
        body.gate.release()
        body.gate.release()
        assert await (await sending).whole(10) == b"ab"


async def unfinished(body: Upload, error: type[Exception]) -> bytes:
    """What an upstream has got of a request that broke."""
    got = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        while data := await reader.read(65536):
            got += data

    async with serving(serve) as url, calling(url) as exchange:
        with pytest.raises(error):
            await send(exchange, body)
        assert exchange.connections == 0
        assert body.closed
        await until(lambda: b"\r\n\r\n" in got)
    return got.partition(b"\r\n\r\n")[2]


async def test_a_body_that_breaks_is_never_sent_as_if_it_were_whole() -> None:
    broken = Malformed("its client has left")
    assert await unfinished(Upload(b"ab", broken), Malformed) in (b"", b"2\r\nab\r\n")
    assert await unfinished(Upload(b"ab", broken, length=5), Malformed) in (b"", b"ab")
    assert await unfinished(Upload(b"ab", length=5), Malformed) in (b"", b"ab")
    assert await unfinished(Upload(b"ab", b"cd", length=3), Malformed) in (b"", b"ab")


async def test_an_upstream_that_takes_nothing_is_late() -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.Event().wait()

    soon = timedelta(milliseconds=1)
    async with serving(serve) as url, calling(url) as exchange:
        with pytest.raises(OutcomeUnknown, match="does not take"):
            await send(exchange, Upload(*[PIECE] * 400), gap=soon)
        with pytest.raises(OutcomeUnknown, match="in time"):
            await send(exchange, Upload(b"a"), within=soon)
        assert exchange.connections == 0


async def test_an_upstream_that_goes_in_the_middle_leaves_the_outcome_open() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with serving(serve) as url, calling(url) as exchange:
        body = Upload(b"a", b"b")
        body.gate = asyncio.Semaphore(0)
        with pytest.raises(OutcomeUnknown):
            await send(exchange, body)
        with pytest.raises(OutcomeUnknown):
            await send(exchange, Upload(*[PIECE] * 400))
        assert exchange.connections == 0


async def test_a_reply_that_does_not_go_on_is_late() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")

    async with serving(serve) as url, calling(url) as exchange:
        reply = await exchange.open(Ask("/", (), b"", "GET"), within=LONG)
        with pytest.raises(OutcomeUnknown, match="does not go on"):
            assert [piece async for piece in reply.pieces(0.001)] == [b"ab"]
        reply.close()
        assert exchange.connections == 0


async def test_a_head_alone_keeps_the_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    async with serving(Upstream(b"\r\n\r\n", answer)) as url, calling(url) as exchange:
        reply = await exchange.open(Ask("/", (), b"", "HEAD"), within=LONG)
        assert (reply.status, reply.length, await reply.whole(1)) == (200, 500, b"")
        reply.close()
        assert exchange.connections == 1


@pytest.mark.parametrize("how", ["by the upstream", "by us", "by a close"])
async def test_a_reply_that_goes_to_the_end_does_not_end_by_a_break(how: str) -> None:
    breaks = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nab")
        await breaks.wait()
        reset(writer.transport)
        writer.transport.abort()

    async with serving(serve) as url, calling(url) as exchange:
        reply = await exchange.open(Ask("/", (), b"", "GET"), within=LONG)
        pieces = reply.pieces()
        assert await anext(pieces) == b"ab"
        if how == "by us":
            reply.break_off("enough")
        elif how == "by a close":
            await exchange.close()
        else:
            breaks.set()
        with pytest.raises(OutcomeUnknown):
            await anext(pieces)
        reply.close()
        assert exchange.connections == 0


@each("status", [401, 403, 507])
async def test_a_whole_refusal_before_the_end_of_an_upload_is_its_answer(status: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(status, "no"))
        await writer.drain()
        while await reader.read(FULL):
            pass

    async with serving(serve) as url:
        body = Upload(*[PIECE] * 100, length=100 * FULL)  # as fast as it is taken
        async with calling(url) as exchange:
            reply = await send(exchange, body)
            assert (reply.status, await reply.whole(1000)) == (status, b"no")
            reply.close()
            assert exchange.connections == 0  # it is not used again
        assert body.closed


@each("hangs_up", [False, True])
async def test_an_answer_that_agrees_does_not_end_the_upload(hangs_up: bool) -> None:
    answered, got = asyncio.Event(), bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(201, "made"))
        await writer.drain()
        answered.set()
        while not hangs_up and len(got) < 8 * FULL and (data := await reader.read(FULL)):
            got.extend(data)

    async with serving(serve) as url, calling(url) as exchange:
        body = Upload(*[PIECE] * 8, length=8 * FULL)
        body.gate = asyncio.Semaphore(0)
        sending = asyncio.create_task(send(exchange, body))
        await answered.wait()
        for _ in range(8):
            body.gate.release()
            await asyncio.sleep(0)
        reply = await sending
        assert (reply.status, await reply.whole(1000)) == (201, b"made")
        reply.close()
        assert exchange.connections == 0
        if not hangs_up:
            await until(lambda: len(got) == 8 * FULL)


# A reply that comes in one piece by a head that was read before, beside the same read in steps.

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/xml\r\n\r\n"
LAST = HEAD.replace(b"text/xml", b"text/xml\r\nConnection: close")
EMPTY = HEAD.replace(b"5", b"0")
LARGEST = 5


class Wire(asyncio.Transport):
    """Takes everything, and sends nothing."""

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        pass


def received(
    *pieces: bytes, at_once: int, to_head: bool = False, lost: bool = False
) -> tuple[Answer | None, str, list[bool], bool]:
    """The answer, if it is whole, why not, if it is broken, and what became of its connection."""
    freed: list[bool] = []
    connection = UpstreamConnection(lambda one: freed.append(one.lost), lambda _: None)
    connection.connection_made(Wire())
    reply = IncomingReply(connection, to_head=to_head, at_once=at_once)
    connection.send(b"GET / HTTP/1.1\r\n\r\n", reply)
    connection.lost = lost
    for piece in pieces:
        connection.data_received(piece)
    answer = reply.answer
    if answer is None and (body := reply.take_whole(1000)) is not None:
        answer = Answer(reply.status, reply.headers, body)
    return answer, reply.broken, freed, connection.lost


async def heads_are_kept() -> None:
    for head in (HEAD, LAST, EMPTY):
        received(head, at_once=NEVER)
        assert head in KEPT_HEADS


@each("data", [HEAD + b"hello", LAST + b"hello", EMPTY], ["kept", "closed", "empty"])
async def test_a_reply_in_one_piece_comes_at_once(data: bytes) -> None:
    await heads_are_kept()
    connection = UpstreamConnection(lambda _: None, lambda _: None)
    connection.connection_made(Wire())
    reply = IncomingReply(connection, to_head=False, at_once=LARGEST)
    connection.send(b"", reply)
    news = reply.wait_for_data()
    connection.data_received(data)
    assert news.done()
    assert reply.answer is not None
    assert reply.answer.body == data.partition(b"\r\n\r\n")[2]
    reply.break_off("late")
    reply.close()
    assert connection.lost is (LAST in data)
    assert received(data, at_once=LARGEST) == received(data, at_once=NEVER)


@each("head", [HEAD, LAST, EMPTY], ["kept", "closed", "empty"])
@each("more", [b"", b"x", b"HTTP/1.1 200 OK\r\n"], ["alone", "byte", "head"])
async def test_sec_94_it_is_what_it_is_in_steps_wherever_it_is_cut(
    head: bytes, more: bytes
) -> None:
    await heads_are_kept()
    data = head + b"hello"[: 0 if head is EMPTY else 5] + more
    for cut in range(len(data) + 1):
        pieces = [one for one in (data[:cut], data[cut:]) if one]
        for lost in (False, True):
            steps = received(*pieces, at_once=NEVER, lost=lost)
            assert received(*pieces, at_once=LARGEST, lost=lost) == steps
        short = received(data[:cut], at_once=LARGEST)
        assert short == received(data[:cut], at_once=NEVER)


async def test_what_is_larger_or_answers_head_is_read_in_steps() -> None:
    await heads_are_kept()
    data = HEAD + b"hello"
    assert received(data, at_once=LARGEST - 1) == received(data, at_once=NEVER)
    headless = received(data, at_once=LARGEST, to_head=True)
    assert headless == received(data, at_once=NEVER, to_head=True)
    assert headless[0] is None or headless[0].body == b""
