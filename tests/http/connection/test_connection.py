"""The HTTP/1.1 edge, over real sockets: framing, limits, order, and the last net."""

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiongate.http.connection.causes import CAUSES
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.transport_connection import REFUSED_WITH_A_REPLY
from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import Listener, listen
from sessiongate.http.message import Handler, Reply, Request
from tests.each import each
from tests.http.wires import CHUNKED, GET, HOST, Time, Wire, done, settled
from tests.until import PATIENCE, until

SOON = timedelta(seconds=5)


class Peer:
    """A raw client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(-1)

    async def reply(self) -> tuple[bytes, bytes]:
        """One reply: head and body."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            return head, await self.reader.readexactly(int(length[1]) if length else 0)


class House:
    """A listener and what its handler saw."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.time = Time()
        self.listener: Listener
        self.peers: list[Peer] = []
        self.refusals: Counter[str] = Counter()

    async def echo(self, request: Request) -> Reply:
        self.seen.append(request)
        return Reply(200, (("X-Path", request.path),), request.path.encode() + request.body)

    async def peer(self, first: bytes = b"") -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.listener.port))
        self.peers.append(peer)
        peer.send(first)
        return peer

    async def whole(self, data: bytes) -> bytes:
        """All that the server says to these bytes until it closes."""
        return await (await self.peer(data)).rest()

    async def sweep_after(self, seconds: float) -> None:
        self.time.at += seconds
        self.listener.sweep()


Open = Callable[..., Any]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler | None = None, **limits: Any) -> House:
            house = House()
            house.listener = await listen(
                "127.0.0.1:0",
                handler or house.echo,
                HttpLimits(**limits),
                None,
                now=house.time,
                refusals=house.refusals,
            )

            async def end() -> None:
                for peer in house.peers:
                    peer.writer.close()
                await house.listener.stop(timedelta(0))

            stack.push_async_callback(end)
            return house

        yield start


def one_refusal(answer: bytes, status: int) -> None:
    """Exactly one reply, of this status, that closes and says nothing of the request."""
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nConnection: close" in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert re.fullmatch(rb'\{"Message":"[A-Za-z .]+"\}', body)


REFUSED = {
    "duplicate Host": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts on 1.0": b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: x/../admin?\r\n\r\n",
    "CL and TE": b"POST / HTTP/1.1\r\n%bContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n" % HOST,
    "TE and CL": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
    b"0\r\n\r\n" % HOST,
    "equal CLs": b"POST / HTTP/1.1\r\n%bContent-Length: 1\r\nContent-Length: 1\r\n\r\na" % HOST,
    "different CLs": b"POST / HTTP/1.1\r\n%bContent-Length: 1\r\nContent-Length: 2\r\n\r\na" % HOST,
    "list of CLs": b"POST / HTTP/1.1\r\n%bContent-Length: 1, 1\r\n\r\na" % HOST,
    "CL with a sign": b"POST / HTTP/1.1\r\n%bContent-Length: +1\r\n\r\na" % HOST,
    "empty CL": b"POST / HTTP/1.1\r\n%bContent-Length: \r\n\r\n" % HOST,
    "huge CL": b"POST / HTTP/1.1\r\n%bContent-Length: %b\r\n\r\n" % (HOST, b"9" * 30),
    "TE gzip": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: gzip\r\n\r\n" % HOST,
    "TE gzip, chunked": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: gzip, chunked\r\n\r\n" % HOST,
    "TE chunked, chunked": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked, chunked\r\n\r\n"
    % HOST,
    "TE xchunked": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: xchunked\r\n\r\n" % HOST,
    "TE identity": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: identity\r\n\r\n" % HOST,
    "TE Gzip, Chunked": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: Gzip, Chunked\r\n\r\n" % HOST,
    "TE twice": b"POST / HTTP/1.1\r\n%b%b\r\n0\r\n\r\n"
    % (HOST, b"Transfer-Encoding: chunked\r\n" * 2),
    "TE on 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk": CHUNKED + b"z\r\n\r\n",
    "chunk too long": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "long chunk extension": CHUNKED + b"1;" + b"a" * 500 + b"\r\na\r\n0\r\n\r\n",
    "bare LF in chunk size": CHUNKED + b"1\na\r\n0\r\n\r\n",
    "bare LF in chunk data end": CHUNKED + b"1\r\na\n0\r\n\r\n",
    "bare LF after last chunk": CHUNKED + b"0\n\r\n",
    "bare LF in trailer": CHUNKED + b"0\r\nX: y\n\r\n",
    "huge trailers": CHUNKED + b"0\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    "one huge trailer": CHUNKED + b"0\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
    "obs-fold": b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
    "obs-fold at first": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare LF everywhere": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare LF in request line": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "bare LF in header": b"GET / HTTP/1.1\r\nHost: x\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: x\r\n\n",
    "bare LF at the start": b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "bare CR in value": b"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
    "bare CR at the end": b"GET / HTTP/1.1\r\nHost: x\r\n\rX",
    "bare CR at the start": b"\rGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in value": b"GET / HTTP/1.1\r\nHost: x\0\r\n\r\n",
    "NUL in name": b"GET / HTTP/1.1\r\nHost: x\r\nX\0: y\r\n\r\n",
    "NUL in target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "control in value": b"GET / HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "tab before colon": b"GET / HTTP/1.1\r\nHost\t: x\r\n\r\n",
    "empty name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: x\r\nX\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab in target": b"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n",
    "non-ASCII target": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "space after version": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "RTSP": b"GET / RTSP/1.0\r\nHost: x\r\n\r\n",
    "unknown method": b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT with a path": b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_sec_40_ambiguous_framing_is_refused_once_and_closed(name: str, opened: Open) -> None:
    house = await opened()
    answer = await house.whole(REFUSED[name] + GET % b"smuggled")
    one_refusal(answer, 400)
    assert house.seen == []


@each("name", REFUSED)
async def test_sec_40_also_when_it_comes_byte_by_byte(name: str) -> None:
    wire = REFUSED[name]
    seen, out = await through([wire[at : at + 1] for at in range(len(wire))])
    one_refusal(out, 400)
    assert seen == []


async def test_sec_39_the_handler_sees_the_raw_path(opened: Open) -> None:
    house = await opened()
    peer = await house.peer(GET % b"..//a/%2e%2E/%00;x\\y?q=%20?/..")
    await peer.reply()
    assert house.seen[0].path == "/..//a/%2e%2E/%00;x\\y"
    assert house.seen[0].query == "q=%20?/.."


@pytest.mark.parametrize(
    "target",
    [
        *(b"*", b"x:80", b"x", b"?a", b"//x y", b"http:", b"http://", b"http:///a", b"http:/a"),
        *(b"http://:80/", b"http://u@x/", b"http://u:p@x/", b"http://x\\y/", b"http://x/a#b"),
        *(b"ftp://x/", b"ws://x/", b"file:///etc/passwd", b"httpx://x/", b"http://x#a"),
    ],
)
async def test_sec_46_other_targets_are_refused(target: bytes, opened: Open) -> None:
    house = await opened()
    one_refusal(await house.whole(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target), 400)
    assert house.seen == []


async def test_sec_46_the_address_of_a_target_is_only_a_host(opened: Open) -> None:
    """A client that thinks us its proxy is answered by us; whom it names hears nothing."""
    knocks: list[object] = []

    def knock(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.append(writer)
        writer.close()

    inside = await asyncio.start_server(knock, "127.0.0.1", 0)
    named = f"127.0.0.1:{inside.sockets[0].getsockname()[1]}"
    house = await opened()
    peer = await house.peer(f"GET http://{named}/a?b HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await peer.reply())[1] == b"/a"
    (seen,) = house.seen
    assert (seen.path, seen.query, seen.all("host")) == ("/a", "b", [named])
    assert knocks == []
    inside.close()
    await inside.wait_closed()


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\0b", "Ā", "a\rb"])
async def test_sec_42_a_reply_that_would_split_becomes_500(value: str, opened: Open) -> None:
    async def reflect(request: Request) -> Reply:
        return Reply(200, (("X-User", value),))

    house = await opened(reflect)
    one_refusal(await house.whole(GET % b""), 500)


async def test_sec_47_a_declared_body_over_the_limit_is_refused_at_once(opened: Open) -> None:
    house = await opened(body=10)
    one_refusal(await house.whole(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), 413)
    peer = await house.peer(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")
    assert (await peer.reply())[1] == b"/0123456789"


async def test_sec_47_the_refusal_survives_a_body_on_its_way(opened: Open) -> None:
    house = await opened(body=10)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    one_refusal(await house.whole(head + b"a" * 3_000_000), 413)


async def test_sec_47_chunks_that_grow_over_the_limit_are_refused(opened: Open) -> None:
    house = await opened(body=10)
    one_refusal(await house.whole(CHUNKED + b"8\r\n01234567\r\n" * 2), 413)


async def test_sec_47_long_heads_are_refused(opened: Open) -> None:
    house = await opened(header_bytes=1000)
    one_refusal(await house.whole(b"GET /" + b"a" * 2000), 431)
    one_refusal(await house.whole(GET % (b"a" * 2000)), 431)
    one_refusal(await house.whole(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2000), 431)
    exact = GET % (b"a" * (1000 - len(GET % b"")))
    peer = await house.peer(exact)
    assert (await peer.reply())[0].startswith(b"HTTP/1.1 200")
    one_refusal(await house.whole(exact.replace(b"x\r", b"xy\r")), 431)


async def test_sec_47_many_headers_are_refused(opened: Open) -> None:
    house = await opened(header_count=10)
    one_refusal(
        await house.whole(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10 + b"\r\n"), 431
    )
    peer = await house.peer(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 9 + b"\r\n")
    await peer.reply()


async def test_what_never_became_a_request_is_counted_by_its_cause(opened: Open) -> None:
    house = await opened(header_bytes=1000, body=10)
    counted = house.refusals
    assert counted == dict.fromkeys(CAUSES, 0)
    large = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
    for data, cause in (
        (b"nonsense\r\n\r\n", "malformed_request_line"),
        (b"GET nonsense HTTP/1.1\r\n\r\n", "malformed_request_line"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "malformed_headers"),
        (b"GET / HTTP/1.1\r\n\r\n", "malformed_host"),
        (b"GET / HTTP/1.1\r\nHost: nonsense:443:443\r\n\r\n", "malformed_host"),
        (CHUNKED.replace(b"chunked", b"gzip"), "malformed_headers"),
        (CHUNKED + b"nonsense\r\n", "malformed_chunks"),
        (large, "body_too_large"),
        (CHUNKED + b"b\r\n", "body_too_large"),
        (GET % (b"a" * 1000), "head_too_large"),
    ):
        before = counted.copy()
        with structlog.testing.capture_logs() as logs:
            await house.whole(data)
        assert counted - before == {cause: 1}
        assert [(line["log_level"], line["cause"], line["peer"]) for line in logs] == [
            ("debug", cause, "127.0.0.1")
        ]
        assert "nonsense" not in repr(logs)
    slow = await house.peer(b"GET")
    await until(lambda: house.listener.connections >= 1)
    answer, _ = await (await house.peer(GET % b"fine")).reply()
    assert answer.startswith(b"HTTP/1.1 200 ")
    await house.sweep_after(10)
    one_refusal(await slow.rest(), 408)
    assert counted["slow"] == 1
    assert counted.total() == 11


async def test_a_refusal_without_words_is_written_down_too(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiongate.http.connection.transport_connection.REFUSED_WITH_A_REPLY", 0)
    house = await opened(connections=1)
    await house.peer()
    await until(lambda: house.listener.connections == 1)
    with structlog.testing.capture_logs() as logs, contextlib.suppress(ConnectionResetError):
        assert await house.whole(b"") == b""
    assert [line["cause"] for line in logs] == ["too_many_connections"]


async def test_one_connection_too_many_is_counted(opened: Open) -> None:
    house = await opened(connections=1)
    await house.peer()
    await until(lambda: house.listener.connections == 1)
    one_refusal(await house.whole(GET % b""), 503)
    assert +house.refusals == {"too_many_connections": 1}


async def test_sec_47_a_slow_head_is_answered_408(opened: Open) -> None:
    house = await opened()
    peer = await house.peer(b"GET / HTTP/1.1\r\nHo")
    await until(lambda: bool(house.listener.connections))
    await house.sweep_after(9)
    peer.send(b"s")  # Dripping wins no time.
    await settled()
    await house.sweep_after(1)
    one_refusal(await peer.rest(), 408)


async def test_sec_47_a_slow_second_head_counts_from_its_first_byte(opened: Open) -> None:
    house = await opened()
    peer = await house.peer(GET % b"")
    await peer.reply()
    await house.sweep_after(70)
    peer.send(b"G")
    await settled()
    await house.sweep_after(9)
    assert house.listener.connections == 1
    await house.sweep_after(1)
    one_refusal(await peer.rest(), 408)


async def test_sec_47_a_slow_body_is_answered_408(opened: Open) -> None:
    house = await opened()
    for start in (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na", CHUNKED + b"9\r\na"):
        peer = await house.peer(start)
        await settled()
        await house.sweep_after(29)
        peer.send(b"b")
        await settled()
        await house.sweep_after(1)
        one_refusal(await peer.rest(), 408)
    assert house.seen == []


async def test_sec_47_silence_is_closed_without_a_word(opened: Open) -> None:
    house = await opened()
    silent = await house.peer()
    served = await house.peer(GET % b"")
    await served.reply()
    await until(lambda: house.listener.connections == 2)
    await house.sweep_after(10)
    assert await silent.rest() == b""
    await until(lambda: house.listener.connections == 1)
    await house.sweep_after(65)
    assert await served.rest() == b""


async def test_sec_47_many_tiny_chunks_stay_linear() -> None:
    """A count of bytes copied would be exact; seconds of the processor are enough for a square.

    As many chunks as are taken at all, of nearly as much as a body may hold.
    """
    count = 9_999
    wire = CHUNKED + b"64\r\n%b\r\n" % (b"a" * 100) * count + b"0\r\n\r\n"
    began = time.thread_time()
    seen, _ = await through([wire[at : at + 100] for at in range(0, len(wire), 100)])
    assert time.thread_time() - began < 3
    assert seen[0].body == b"a" * count * 100


async def test_sec_47_one_connection_too_many_is_answered_503(opened: Open) -> None:
    house = await opened(connections=2)
    for _ in range(2):
        await (await house.peer(GET % b"")).reply()
    one_refusal(await house.whole(GET % b""), 503)


async def test_sec_47_a_peer_that_never_reads_is_cut_off(opened: Open) -> None:
    async def long(request: Request) -> Reply:
        handled.append(request.path)
        return Reply(200, (), bytes(8_000_000))

    handled: list[str] = []
    house = await opened(long)
    peer = await house.peer()
    peer.writer.transport.pause_reading()
    peer.send(GET % b"1" + GET % b"2")
    await until(lambda: bool(handled))
    await settled()
    assert handled == ["/1"]  # The second waits until the first has been read.

    def late() -> bool:
        house.time.at += 75
        house.listener.sweep()
        return not house.listener._edge.connections

    await until(late)  # what the kernels pass on meanwhile counts as read


async def test_a_peer_that_reads_late_gets_everything(opened: Open) -> None:
    async def long(request: Request) -> Reply:
        return Reply(200, (), bytes(4_000_000))

    house = await opened(long)
    peer = await house.peer(GET % b"" + GET % b"")
    for _ in range(2):
        assert len((await peer.reply())[1]) == 4_000_000


async def test_pipelined_requests_are_answered_in_order(opened: Open) -> None:
    async def slow_first(request: Request) -> Reply:
        running.append(request.path)
        if request.path == "/0":
            await gate.wait()
        running.remove(request.path)
        return Reply(200, (), request.path.encode())

    gate = asyncio.Event()
    running: list[str] = []
    house = await opened(slow_first)
    peer = await house.peer(b"".join(GET % b"%d" % n for n in range(2000)))
    await until(lambda: running == ["/0"])
    await settled()
    assert running == ["/0"]
    gate.set()
    for n in range(2000):
        assert (await peer.reply())[1] == b"/%d" % n


async def test_a_flood_behind_a_busy_request_is_not_taken_in(opened: Open) -> None:
    async def slow_first(request: Request) -> Reply:
        if request.path == "/first":
            entered.set()
            await gate.wait()
        return Reply(204)

    entered, gate = asyncio.Event(), asyncio.Event()
    house = await opened(slow_first)
    peer = await house.peer(GET % b"first")
    await entered.wait()
    count = 50_000
    peer.send(GET % b"" * count + b"GET / HTTP/1.0\r\n\r\n")
    (connection,) = house.listener._edge.connections
    await until(lambda: connection._held_request)
    await settled()
    assert len(connection._buffer.rest) < 1_000_000
    gate.set()
    async with asyncio.timeout(60):
        assert (await peer.reader.read(-1)).count(b"HTTP/1.1 204") == count + 2


async def test_a_slow_reader_is_told_from_one_that_never_reads() -> None:
    async def handler(request: Request) -> Reply:
        return Reply(200)

    time = Time()
    edge = Edge(handler, HttpLimits(), time)
    wire = Wire(edge)
    wire.unread_before = 1000
    wire.connection.pause_writing()
    wire.connection.data_received(GET % b"")
    wire.unread_before = 900
    time.at += 75
    edge.sweep()
    assert not wire.closed
    time.at += 75
    edge.sweep()
    assert wire.closed


async def test_sec_47_a_crowd_above_the_cap_is_cut_off_without_words() -> None:
    async def handler(request: Request) -> Reply:
        return Reply(200)

    edge = Edge(handler, HttpLimits(connections=1), lambda: 0.0)
    admission = [Wire(edge) for _ in range(300)]
    told = REFUSED_WITH_A_REPLY
    assert [wire.out[:12] for wire in admission] == [b""] + [b"HTTP/1.1 503"] * told + [b""] * (
        299 - told
    )
    assert [wire.closed for wire in admission] == [False] + [True] * 299


async def test_bodies_of_pipelined_requests_do_not_run_into_each_other(opened: Open) -> None:
    house = await opened()
    post = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    peer = await house.peer(post + CHUNKED + b"1\r\nd\r\n0\r\n\r\n" + b"\r\n" + GET % b"g")
    assert [(await peer.reply())[1] for _ in range(3)] == [b"/pabc", b"/d", b"/g"]


async def test_continue_is_said_only_when_the_head_is_accepted(opened: Open) -> None:
    house = await opened(body=10)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    peer = await house.peer(head % 3)
    assert await peer.reply() == (b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    peer.send(b"abc")
    assert (await peer.reply())[1] == b"/abc"
    one_refusal(await house.whole(head % 11), 413)


async def test_head_tells_the_length_and_sends_no_body(opened: Open) -> None:
    house = await opened()
    peer = await house.peer(b"HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n" + GET % b"next")
    async with asyncio.timeout(PATIENCE):
        head = await peer.reader.readuntil(b"\r\n\r\n")
    assert b"\r\nContent-Length: 4\r\n" in head
    assert (await peer.reply())[1] == b"/next"


async def test_a_reply_carries_a_date_and_no_server(opened: Open) -> None:
    house = await opened()
    head, _ = await (await house.peer(GET % b"")).reply()
    assert re.search(rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\r\n", head)
    assert b"server:" not in head.lower()
    assert b"Connection:" not in head


async def test_http_1_0_is_answered_and_closed(opened: Open) -> None:
    house = await opened()
    answer = await house.whole(b"GET /a HTTP/1.0\r\n\r\n" + GET % b"b")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nConnection: close\r\n" in answer
    assert [request.path for request in house.seen] == ["/a"]


async def test_close_is_honoured_from_both_sides(opened: Open) -> None:
    async def closing(request: Request) -> Reply:
        return Reply(200, close=True)

    asked = await opened()
    answer = await asked.whole(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    told = await opened(closing)
    answer = await told.whole(GET % b"" + GET % b"")
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("token", [b"h2c", b"websocket"])
async def test_an_upgrade_is_not_taken_up(token: bytes, opened: Open) -> None:
    house = await opened()
    peer = await house.peer(
        b"POST /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
        b"Content-Length: 2\r\n\r\nab" % token + GET % b"next"
    )
    assert (await peer.reply())[1] == b"/uab"
    assert (await peer.reply())[1] == b"/next"


async def test_a_peer_that_says_no_more_is_still_answered(opened: Open) -> None:
    house = await opened()
    peer = await house.peer(GET % b"a" + GET % b"b" + b"GET /cut")
    peer.writer.write_eof()
    answer = await peer.rest()
    assert answer.count(b"HTTP/1.1 200") == 2
    assert [request.path for request in house.seen] == ["/a", "/b"]


async def test_a_handler_finishes_when_its_peer_leaves(opened: Open) -> None:
    async def login(request: Request) -> Reply:
        entered.set()
        await gate.wait()
        finished.append(request.path)
        return Reply(200)

    entered, gate = asyncio.Event(), asyncio.Event()
    finished: list[str] = []
    house = await opened(login)
    peer = await house.peer(GET % b"login")
    await entered.wait()
    peer.writer.transport.abort()
    await settled()
    gate.set()
    await until(lambda: house.listener.connections == 0)
    assert finished == ["/login"]


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_made_a_reply_hears_that_nobody_got_it(opened: Open, leaves: bool) -> None:
    async def login(request: Request) -> Reply:
        entered.set()
        await gate.wait()
        return Reply(200, undelivered=lambda: told.append(request.path))

    entered, gate = asyncio.Event(), asyncio.Event()
    told: list[str] = []
    house = await opened(login)
    peer = await house.peer(GET % b"login")
    await entered.wait()
    if leaves:
        # With a reset: who only says no more may still read.
        door = peer.writer.get_extra_info("socket")
        door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()
        await settled()
    gate.set()
    if not leaves:
        assert (await peer.reader.readline()).startswith(b"HTTP/1.1 200")
        peer.writer.transport.abort()
    await until(lambda: house.listener.connections == 0)
    assert told == (["/login"] if leaves else [])


async def test_a_handlers_error_is_logged_without_what_it_held(opened: Open) -> None:
    async def fail(request: Request) -> Reply:
        token = request.path
        raise RuntimeError(f"hunter2 {token}")

    house = await opened(fail)
    with structlog.testing.capture_logs() as logs:
        answer = await house.whole(GET % b"secret")
    one_refusal(answer, 500)
    (line,) = [log for log in logs if log["event"] == "handler failed"]
    assert line["error"] == "RuntimeError"
    assert line["at"][-1].endswith(" fail")
    assert "hunter2" not in str(logs)
    assert "secret" not in str(logs)


async def test_stopping_lets_requests_finish_and_closes_what_idles(opened: Open) -> None:
    async def slow(request: Request) -> Reply:
        entered.set()
        await gate.wait()
        return Reply(200, (), b"done")

    entered, gate = asyncio.Event(), asyncio.Event()
    house = await opened(slow)
    idle = await house.peer()
    busy = await house.peer(GET % b"")
    await entered.wait()
    await until(lambda: house.listener.connections == 2)
    stopping = asyncio.create_task(house.listener.stop(SOON))
    assert await idle.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await house.peer()
    assert not stopping.done()
    gate.set()
    answer = await busy.rest()
    assert answer.endswith(b"done")
    assert b"\r\nConnection: close\r\n" in answer
    await stopping
    assert house.listener.connections == 0


async def test_stopping_forces_the_rest_after_the_grace(opened: Open) -> None:
    async def never(request: Request) -> Reply:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    entered = asyncio.Event()
    house = await opened(never)
    peer = await house.peer(GET % b"")
    await entered.wait()
    await house.listener.stop(timedelta(0))
    with contextlib.suppress(ConnectionResetError):
        assert await peer.rest() == b""
    assert house.listener.connections == 0


async def test_stopping_forces_even_what_has_not_begun(opened: Open) -> None:
    house = await opened()
    edge = house.listener._edge
    wire = Wire(edge)
    wire.connection.data_received(GET % b"")
    wire.connection.connection_lost(None)
    await house.listener.stop(timedelta(0))
    assert house.listener.connections == 0


# Bytes without sockets: how they were cut on their way never matters, and nothing crashes.


async def through(pieces: list[bytes]) -> tuple[list[Request], bytes]:
    """What the handler sees of these pieces, and what the peer gets."""

    async def handler(request: Request) -> Reply:
        seen.append(request)
        return Reply(200, (), request.body)

    seen: list[Request] = []
    edge = Edge(handler, HttpLimits(), lambda: 0.0)
    wire = Wire(edge)
    for piece in pieces:
        wire.connection.data_received(piece)
        await done(wire)
    await done(wire)
    return seen, wire.out


PIECES = st.sampled_from(
    [
        GET % b"",
        GET % b"a?b",
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        CHUNKED,
        b"GET / HTTP/1.1\r\n",
        HOST,
        b"Content-Length: 2\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"1\r\na\r\n",
        b"0\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
    ]
)


def replies(out: bytes, heads: list[bool]) -> list[int]:
    """The statuses in these bytes. Fails when they are not replies, one after the other."""
    found: list[int] = []
    while out:
        head, end, out = out.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+(\r\n|\Z)", head)
        assert end
        assert status
        if status[1] == b"100":
            continue
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        assert length
        body = 0 if len(found) < len(heads) and heads[len(found)] else int(length[1])
        assert len(out) >= body
        out = out[body:]
        found.append(int(status[1]))
        if b"\r\nConnection: close" in head:
            assert not out
    return found


def said(request: Request) -> list[Any]:
    """What a request says, without the connection by which it came."""
    return [getattr(request, name) for name in Request.__struct_fields__ if name != "when_gone"]


@pytest.mark.slow
@settings(deadline=None, max_examples=400)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=12), st.data())
def test_any_bytes_yield_at_most_one_reply_per_request(parts: list[bytes], data: Any) -> None:
    """Each request gets one reply, one refusal may follow, and cutting changes nothing."""
    wire = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True) if a < b]
    seen, out = asyncio.run(through([wire] if wire else []))
    statuses = replies(out, [request.method == "HEAD" for request in seen])
    assert statuses[: len(seen)] == [200] * len(seen)
    assert len(statuses) <= len(seen) + 1
    again, out_again = asyncio.run(through(pieces))
    assert [said(request) for request in again] == [said(request) for request in seen]
    assert replies(out_again, [request.method == "HEAD" for request in again]) == statuses


# Peers that leave


@each("how", ["close", "half-close"])
async def test_whoever_waits_is_told_that_the_peer_has_left(how: str, opened: Open) -> None:
    told: list[str] = []
    go_on = asyncio.Event()

    async def waits(request: Request) -> Reply:
        request.when_gone(lambda: told.append(request.path))
        await go_on.wait()
        return Reply(204)

    house = await opened(waits)
    peer = await house.peer(GET % b"a")
    await until(lambda: bool(house.listener.connections))
    if how == "close":
        peer.writer.close()
    else:
        peer.writer.write_eof()
    await until(lambda: told == ["/a"])
    go_on.set()
    if how == "half-close":  # what it asked before is still answered
        assert (await peer.rest()).startswith(b"HTTP/1.1 204")


@each("behind", [60_000, 200_000])
async def test_sec_91_a_wait_ends_though_much_lies_behind_it(behind: int, opened: Open) -> None:
    """Nothing more was read then, so that nobody saw the peer leave."""
    told: list[str] = []
    go_on = asyncio.Event()

    async def waits(request: Request) -> Reply:
        request.when_gone(lambda: told.append(request.path))
        await go_on.wait()
        return Reply(204)

    house = await opened(waits)
    peer = await house.peer(GET % b"a")
    await until(lambda: bool(house.listener.connections))
    peer.send(b"G" * behind)
    if behind < 65536:
        await peer.writer.drain()
        await settled()
        assert told == []  # it may still have asked for something else meanwhile
        peer.writer.transport.abort()
    await until(lambda: told == ["/a"])
    go_on.set()


async def test_nobody_is_told_once_the_reply_is_there(opened: Open) -> None:
    told: list[str] = []

    async def replies(request: Request) -> Reply:
        request.when_gone(lambda: told.append(request.path))
        return Reply(204)

    house = await opened(replies)
    peer = await house.peer(GET % b"a")
    await peer.reply()
    peer.writer.close()
    other = await house.peer(GET % b"b")
    await other.reply()
    assert told == []
