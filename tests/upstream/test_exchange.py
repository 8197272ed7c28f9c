"""Requests over kept connections: what is sent, what is kept, and what is known after a failure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.config.values import fingerprint
from sessiongate.errors import OutcomeUnknown, UpstreamUnavailable
from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust
from sessiongate.upstream.connection import FULL
from sessiongate.upstream.exchange import Exchange, LargeAnswer
from sessiongate.upstream.reply_room import ReplyRoom
from sessiongate.wire.http import Answer, Ask
from tests.each import each
from tests.peers.ports import free_port
from tests.until import PATIENCE, until
from tests.upstream.fakes import FakeServer, http, saying, server_tls

BLIND = Trust(verify=False)
ASK = Ask("/sdk?a=b", (("content-type", "text/xml"), ("cookie", "a=canary")), b"<canary/>")
GET = Ask("/sdk", (), b"", "GET")
LONG = timedelta(seconds=30)
OK = http(200, "<ok/>")


@asynccontextmanager
async def calling(url: str, trust: Trust = BLIND) -> AsyncIterator[Exchange]:
    exchange = Exchange(url, trust)
    try:
        yield exchange
    finally:
        await exchange.close()
        assert exchange.connections == 0


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server of this handler, by its address. Connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
            await reader.read()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def ask(exchange: Exchange, what: Ask = ASK, within: timedelta | None = LONG) -> Answer:
    return await exchange.exchange(what, within=within, largest=1000)


async def reason(exchange: Exchange, what: Ask = ASK, within: timedelta = LONG) -> str:
    with pytest.raises(OutcomeUnknown) as raised:
        await ask(exchange, what, within)
    assert "canary" not in str(raised.value)
    return str(raised.value)


async def test_a_request_goes_out_as_it_is() -> None:
    reply = http(200, "<ok/>", "X-A: b", "x-a: c", kind="text/xml")
    async with FakeServer(saying(reply)) as server, calling(server.url) as exchange:
        answer = await ask(exchange)
        await ask(exchange, GET)
        await ask(exchange, Ask("/x", (), b""))
    assert (answer.status, answer.body, answer.all("x-a")) == (200, b"<ok/>", ["b", "c"])
    first, second, third = server.asked
    assert first.line == "POST /sdk?a=b HTTP/1.1"
    assert first.body == b"<canary/>"
    assert first.headers == {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "text/xml",
        "cookie": "a=canary",
        "content-length": "9",
    }
    assert second.line == "GET /sdk HTTP/1.1"
    assert second.headers == {"host": f"127.0.0.1:{server.port}"}
    assert third.headers["content-length"] == "0"


async def test_a_request_that_cannot_be_written_takes_no_connection() -> None:
    odd = Ask("/sdk", (("x-odd", "\u0141"),), b"")
    async with FakeServer(saying(OK)) as server, calling(server.url) as exchange:
        await ask(exchange)
        for work in (ask(exchange, odd), exchange.open(odd, within=LONG)):
            with pytest.raises(UnicodeEncodeError):
                await work
            await ask(exchange)
        assert exchange.connections == 1
    assert len(server.asked) == 3


async def test_one_connection_carries_one_request_after_the_other_and_no_two_at_once() -> None:
    async with FakeServer(saying(OK)) as server, calling(server.url) as exchange:
        for _ in range(5):
            await ask(exchange)
        assert exchange.connections == 1
        server.gate.clear()
        both = [asyncio.create_task(ask(exchange)) for _ in range(2)]
        await server.has_read(7)
        assert exchange.connections == 2
        server.gate.set()
        await asyncio.gather(*both)


async def test_connections_that_the_upstream_closed_meanwhile_are_not_used() -> None:
    async with FakeServer(saying(OK), hangs_up=True) as server, calling(server.url) as exchange:
        for number in range(200):
            await ask(exchange)
            await until(lambda: exchange.connections == 0)
            assert len(server.asked) == number + 1


async def test_connections_that_nobody_uses_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessiongate.upstream.exchange._UNUSED", 0.0)
    async with FakeServer(saying(OK)) as server, calling(server.url) as exchange:
        await ask(exchange)
        started = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > started)
        exchange.tidy()
        assert exchange.connections == 0
        await ask(exchange)


async def test_sec_94_bytes_after_a_reply_end_the_connection() -> None:
    """They would be taken for the reply to the next request, which may be somebody else's."""
    async with (
        FakeServer(saying(OK + http(200, "of another"))) as server,
        calling(server.url) as exchange,
    ):
        assert (await ask(exchange)).body == b"<ok/>"
        assert exchange.connections == 0
    sent = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await sent.wait()
        writer.write(http(200, "of another"))

    async with serving(late) as url, calling(url) as exchange:
        assert (await ask(exchange, GET)).body == b"<ok/>"
        assert exchange.connections == 1
        sent.set()
        await until(lambda: exchange.connections == 0)


BROKEN = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    "no HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhalf",
    "too large": http(200, "x" * 1001),
}


@each("answer", BROKEN.values(), BROKEN.keys())
async def test_sec_66_a_broken_reply_is_an_outcome_that_nobody_knows(answer: bytes) -> None:
    async with (
        FakeServer(saying(answer), hangs_up=True) as server,
        calling(server.url) as exchange,
    ):
        await reason(exchange)
        assert len(server.asked) == 1  # and it is not sent again
        await until(lambda: exchange.connections == 0)


async def test_a_reply_that_does_not_come_in_time_ends_its_connection() -> None:
    async with FakeServer(saying(OK)) as server, calling(server.url) as exchange:
        server.gate.clear()
        assert "in time" in await reason(exchange, within=timedelta(seconds=0.05))
        assert exchange.connections == 0
    async with FakeServer(saying(OK), drip=True) as server, calling(server.url) as exchange:
        assert "in time" in await reason(exchange, within=timedelta(seconds=0.2))
        assert exchange.connections == 0


async def test_whoever_stops_waiting_ends_the_connection() -> None:
    async with FakeServer(saying(OK)) as server, calling(server.url) as exchange:
        server.gate.clear()
        waiting = asyncio.create_task(ask(exchange, within=None))
        await server.has_read(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert exchange.connections == 0
        server.gate.set()
        assert (await ask(exchange)).status == 200


async def test_where_nothing_was_sent_it_says_so() -> None:
    async with calling(f"http://127.0.0.1:{free_port()}") as exchange:
        with pytest.raises(UpstreamUnavailable) as raised:
            await ask(exchange)
    assert not isinstance(raised.value, OutcomeUnknown)


async def test_sec_67_an_upstream_whose_certificate_is_not_trusted_gets_nothing(
    tmp_path: Path,
) -> None:
    tls = server_tls(tmp_path / "a")
    server_tls(tmp_path / "b")
    shown = sha256(certificates.read_der(tmp_path / "a" / "tls" / "server.pem")).hexdigest()
    for trust, why in (
        (Trust(ca=tmp_path / "a" / "tls" / "ca.pem"), ""),
        (Trust(ca=tmp_path / "b" / "tls" / "ca.pem"), "ca and fingerprint says which"),
        (Trust(), "self-signed certificate in certificate chain; fingerprint or ca says which"),
        (Trust(fingerprints=("00" * 32,)), "is another one; fingerprint or ca says which"),
    ):
        async with FakeServer(saying(OK), tls=tls) as server, calling(server.url, trust) as calls:
            if not why:
                assert (await ask(calls)).status == 200
                continue
            with pytest.raises(UpstreamUnavailable) as raised:
                await ask(calls)
            assert not isinstance(raised.value, OutcomeUnknown)
            assert not server.asked
            said = str(raised.value)
            assert why in said
            # As the setting takes it.
            assert fingerprint(said.partition("shown is ")[2]) == shown


async def test_the_setting_and_the_fingerprint_are_in_the_log_once(tmp_path: Path) -> None:
    async with FakeServer(saying(OK), tls=server_tls(tmp_path)) as server:
        exchange = Exchange(server.url, Trust(fingerprints=("00" * 32,)), name="vc1")
        with capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(UpstreamUnavailable):
                    await ask(exchange)
        await exchange.close()
    (line,) = logs
    assert "upstream.vc1.fingerprint or upstream.vc1.ca says which is" in line["why"]
    assert "sha256 Fingerprint=" in line["why"]


async def test_a_certificate_of_another_name_gets_nothing(tmp_path: Path) -> None:
    tls = server_tls(tmp_path, ("vcenter.example",))
    trust = Trust(ca=tmp_path / "tls" / "ca.pem")
    async with FakeServer(saying(OK), tls=tls) as server, calling(server.url, trust) as exchange:
        with pytest.raises(UpstreamUnavailable):
            await ask(exchange)
        assert not server.asked


async def test_a_body_is_read_no_faster_than_it_is_taken() -> None:
    size = 64 * FULL
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * FULL)
            sent += FULL
            await writer.drain()

    async with serving(serve) as url, calling(url) as exchange:
        reply = await exchange.open(GET, within=LONG)
        # The kernel's buffers hold some MiB besides. With all the time that it has, no more comes.
        looks = 0
        while looks < 500:
            before = sent
            await asyncio.sleep(0)
            looks = looks + 1 if sent == before else 0
        assert sent < size
        got = 0
        async for piece in reply.pieces():
            got += len(piece)
        assert got == size
        reply.close()
        assert exchange.connections == 1


async def test_close_breaks_what_is_under_way() -> None:
    async with FakeServer(saying(OK)) as server, calling(server.url) as exchange:
        server.gate.clear()
        waiting = asyncio.create_task(reason(exchange))
        await server.has_read(1)
        await exchange.close()
        await waiting
        with pytest.raises(UpstreamUnavailable):
            await ask(exchange)


async def test_of_a_long_reply_the_beginning_comes_first_where_that_is_enough() -> None:
    body = "a" * 500_000
    replies = {"/long": http(200, body), "/short": OK, "/fault": http(500, body)}
    async with FakeServer(lambda asked: replies[asked.path]) as server, calling(server.url) as one:
        for path, reply in replies.items():
            ask = Ask(path, (), b"", "GET")
            answer = await one.exchange(ask, within=LONG, largest=10**6, enough=1000)
            said = reply.partition(b"\r\n\r\n")[2]
            if path != "/long":
                assert type(answer) is Answer
                assert answer.body == said
                continue
            assert isinstance(answer, LargeAnswer)
            assert 1000 < len(answer.body) < len(said)
            assert answer.left.length == len(said)
            rest = b"".join([piece async for piece in answer.left.pieces(30.0)])
            answer.left.close()
            assert answer.body + rest == said
        assert one.connections == 1
        answer = await one.exchange(Ask("/long", (), b"", "GET"), within=LONG, largest=1, enough=9)
        assert isinstance(answer, LargeAnswer)
        answer.left.close()
        await until(lambda: one.connections == 0)


LARGE = 3 * 1024 * 1024
"""Bytes of a reply for which room is needed."""


@asynccontextmanager
async def sending_large(begun: int) -> AsyncIterator[tuple[str, list[str], asyncio.Event]]:
    """A server of large replies, `begun` of which are sent before the event: which were written."""
    written: list[str] = []
    go_on = asyncio.Event()

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n".encode())
        writer.write(b"a" * begun)
        await writer.drain()
        await go_on.wait()
        writer.write(b"b" * (LARGE - begun))
        await writer.drain()
        written.append(path)

    async with serving(send) as url:
        yield url, written, go_on


async def large(exchange: Exchange, path: str, within: timedelta = LONG) -> Answer:
    return await exchange.exchange(Ask(path, (), b"", "GET"), within=within, largest=LARGE)


@each("leaves", [False, True])
async def test_sec_73_large_replies_are_read_whole_only_where_there_is_room(leaves: bool) -> None:
    """Of all servers together; and whoever leaves while it is read, or waits, leaves the room."""
    room = ReplyRoom(LARGE)
    async with (
        sending_large(2 * 1024 * 1024) as (url, _, go_on),
        FakeServer(lambda _: http(200, "c" * LARGE)) as other,
    ):
        one, two = Exchange(url, BLIND, room=room), Exchange(other.url, BLIND, room=room)
        first = asyncio.create_task(large(one, "/first"))
        await until(lambda: room.held == LARGE)
        second, third = (asyncio.create_task(large(two, "/")) for _ in range(2))
        await until(lambda: room.waiting == 2)
        assert await two.exchange(Ask("/", (), b"", "GET"), within=LONG, largest=LARGE, enough=9)
        second.cancel()
        if leaves:
            first.cancel()
        else:
            go_on.set()
            assert len((await first).body) == LARGE
        assert (await third).body == b"c" * LARGE
        assert (room.held, room.waiting) == (0, 0)
        await asyncio.gather(first, second, return_exceptions=True)
        await one.close()
        await two.close()


async def test_sec_73_a_large_reply_without_room_in_time_says_what_helps() -> None:
    room = ReplyRoom(LARGE)
    held = room.claim(LARGE, "bob")
    async with FakeServer(lambda _: http(200, "c" * LARGE)) as server:
        exchange = Exchange(server.url, BLIND, room=room)
        with pytest.raises(OutcomeUnknown, match="ask for less"):
            await large(exchange, "/", timedelta(seconds=0.2))
        assert (room.waiting, exchange.connections) == (0, 0)
        room.give_back(held)
        assert room.held == 0
        await exchange.close()


async def test_a_large_reply_is_none_larger_than_it_may_be() -> None:
    for length in (True, False):
        body = "c" * LARGE
        reply = http(200, body) if length else chunked(body)
        async with FakeServer(lambda _, reply=reply: reply) as server:  # type: ignore[misc]
            exchange = Exchange(server.url, BLIND)
            assert (await large(exchange, "/")).body == body.encode()
            with pytest.raises(OutcomeUnknown, match="more than"):
                await exchange.exchange(GET, within=LONG, largest=LARGE - 1)
            await exchange.close()


def chunked(body: str) -> bytes:
    head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    return f"{head}{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode()


async def test_a_reply_that_has_come_whole_waits_for_no_room() -> None:
    size = 1024 * 1024 + 64 * 1024
    room = ReplyRoom(size)
    held = room.claim(size, "bob")
    async with FakeServer(lambda _: http(200, "c" * size)) as server:
        exchange = Exchange(server.url, BLIND, room=room)
        ask, within = Ask("/", (), b"", "GET"), timedelta(seconds=60)
        async with asyncio.timeout(PATIENCE):
            answer = await exchange.exchange(ask, within=within, largest=2 * size)
        assert len(answer.body) == size
        room.give_back(held)
        await exchange.close()
