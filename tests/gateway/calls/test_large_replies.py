"""Replies too large to be whole in memory: what goes on, what ends them, what they take."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, cast

import pytest

from sessiongate.errors import NotSupported, OutcomeUnknown
from sessiongate.gateway.calls.large_replies import (
    ENOUGH,
    LONGEST_TEXT,
    LargeReply,
    StreamedAnswer,
    begin_large_reply,
)
from sessiongate.gateway.leases.tokens_in_use import PLACEHOLDER_KEY, TokensInUse
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust
from sessiongate.upstream.connection import IncomingReply
from sessiongate.upstream.exchange import Exchange, LargeAnswer
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from sessiongate.wire.vim.relayed import read_relayed
from tests.each import each
from tests.end_to_end.vim_soap import envelope
from tests.gateway.calls.test_relay import OURS, RULES, THEIRS, Case, House
from tests.until import until

XML = (("content-type", "text/xml"),)
HEAD = b'<?xml version="1.0" encoding="UTF-8"?><Envelope><Body>'
NAME = b'<propSet><name>name</name><val xsi:type="xsd:string">a</val></propSet>'
END = b"</Body></Envelope>"
READ = read_relayed(
    envelope(
        "RetrievePropertiesEx",
        "PropertyCollector",
        "propertyCollector",
        "<specSet><propSet><type>Folder</type><pathSet>name</pathSet></propSet>"
        "<objectSet><obj type='Folder'>group-d1</obj></objectSet></specSet><options/>",
    ).encode()
)


class Rest:
    """In the place of what is left of a reply."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.closed = False
        self.length = 4711

    async def pieces(self, _: float) -> AsyncGenerator[bytes]:
        while self.left:
            yield self.left.pop(0)

    def close(self) -> None:
        self.closed = True


def large(body: bytes, *rest: bytes) -> LargeAnswer:
    return LargeAnswer(200, XML, body, cast("IncomingReply", Rest(*rest)))


async def taken(reply: LargeReply) -> tuple[bytes, str]:
    """What goes out of it, and what became of it."""
    out, results = b"", list[str]()
    is_done = reply._done

    def done(result: str, size: int) -> None:
        results.append(f"{result} {size}")
        is_done(result, size)

    reply.when_done(done)
    try:
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                out += piece
    except OutcomeUnknown:
        pass
    reply.close()
    (result,) = results
    assert result.endswith(f" {len(out)}")
    return out, result.split()[0]


async def test_every_part_ends_with_an_element_wherever_the_body_was_cut() -> None:
    body = HEAD + 3 * NAME + END
    for cut in range(len(body)):
        parts: list[bytes] = []

        def judge(part: bytes, parts: list[bytes] = parts) -> bytes:
            parts.append(part)
            return part.upper()

        answer = large(body[:cut], *(body[at : at + 7] for at in range(cut, len(body), 7)))
        reply = await begin_large_reply(answer, judge, judge, 1.0)
        assert reply.length == 4711
        assert await taken(reply) == (body.upper(), "ok")
        assert b"".join(parts) == body
        assert all(part.endswith(b">") for part in parts)
        assert all(part.count(b"<") == part.count(b">") for part in parts)


async def test_a_text_without_end_ends_the_reply() -> None:
    def judge(part: bytes) -> bytes:
        return part

    piece = b"a" * 1_000_000
    fits = await begin_large_reply(
        large(HEAD + b"<val>", *[piece] * 4, b"</val>", END), judge, judge, 1.0
    )
    assert len((await taken(fits))[0]) > 4_000_000
    with pytest.raises(OutcomeUnknown):
        await begin_large_reply(large(HEAD + b"<val>", *[piece] * 6), judge, judge, 1.0)
    later = await begin_large_reply(large(HEAD + NAME + b"<val>", *[piece] * 6), judge, judge, 1.0)
    assert await taken(later) == (HEAD + NAME, "unknown")
    assert LONGEST_TEXT < 6_000_000


_LARGE = ("RetrievePropertiesEx", "WaitForUpdatesEx")


class LargeHouse(House):
    """A vCenter whose answer to a read, or to a wait, is large."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.rest = HEAD + NAME, [NAME, END]
        self.given: list[LargeAnswer] = []
        self.enough: dict[str, int | None] = {}

    async def exchange(self, ask: Ask, **more: Any) -> Answer:
        answer = await super().exchange(ask, **more)
        method = self.read(ask)[0].method
        self.enough[method] = more.get("enough")
        if method not in _LARGE or not more.get("enough"):
            return answer
        self.given.append(large(self.body, *self.rest))
        return self.given[-1]

    @property
    def closed(self) -> bool:
        return all(cast("Rest", one.left).closed for one in self.given)


async def asked(case: Case, number: int = 1) -> LargeReply:
    answer = await case.relay.call(case.client(number).session, READ, (), lambda _: None)
    assert isinstance(answer, StreamedAnswer)
    assert answer.headers == XML
    return answer.reply


async def test_a_large_reply_takes_a_place_of_its_session_and_none_at_the_lease() -> None:
    house = LargeHouse()
    case = Case(house, RULES)
    replies = [await asked(case) for _ in range(RULES.calls_each)]
    assert case.pool.leases[0].calls == 0
    client = case.relay.clients.of(case.client().session)
    assert client.calls == RULES.calls_each
    for reply in replies:
        assert await taken_by(reply) == HEAD + NAME + NAME + END
    assert house.closed
    assert not case.relay.clients.all()
    await case.relay.close()


async def taken_by(reply: LargeReply) -> bytes:
    """All that goes out."""
    async with aclosing(reply.pieces()) as pieces:
        out = b"".join([piece async for piece in pieces])
    reply.close()
    return out


SHOWN = {
    "a session": b'<val xsi:type="UserSession"><key>a</key></val>',
    "an object of another": b'<obj type="View">session[x]of-another</obj>',
    "a token": b"<val>canary-of-another</val>",
    "a comment": b"<!-- --><val>a</val>",
    "a CDATA section": b"<val><![CDATA[a]]></val>",
    "an instruction": b"<?a?><val>a</val>",
    "letters as numbers": b"<val>&#97;</val>",
}


@each("kind", SHOWN)
async def test_sec_92_what_a_client_may_not_see_ends_a_large_reply(kind: str) -> None:
    house = LargeHouse()
    case = Case(house)
    other = UserSession(THEIRS.format(9), "", "", "")
    case.tokens.put("another", UpstreamSession(WireForm.SOAP, Secret("canary-of-another"), other))
    house.rest = [NAME, SHOWN[kind][:9], SHOWN[kind][9:], END]
    assert await taken_by_broken(await asked(case)) == HEAD + NAME + NAME
    house.body, house.rest = HEAD + SHOWN[kind], [END]
    with pytest.raises(NotSupported, match="shows"):
        await asked(case)
    assert house.closed
    assert not case.relay.clients.all()
    await case.relay.close()


async def taken_by_broken(reply: LargeReply) -> bytes:
    """All that goes out of one that breaks."""
    out, result = await taken(reply)
    assert result == "unknown"
    return out


async def test_keys_are_exchanged_wherever_they_are_cut() -> None:
    house = LargeHouse()
    case = Case(house)
    await asked_and_closed(case)
    key = THEIRS.format(9)
    case.tokens.put(
        "another", UpstreamSession(WireForm.SOAP, Secret("a"), UserSession(key, "", "", ""))
    )
    body = f"<val>{THEIRS.format(1)}</val><val>{key}</val>".encode()
    for cut in range(0, len(body), 5):
        house.rest = [body[:cut], body[cut:], END]
        out = await taken_by(await asked(case))
        assert out.endswith(
            f"<val>{OURS.format(1)}</val><val>{PLACEHOLDER_KEY}</val>".encode() + END
        )
    await case.relay.close()


async def asked_and_closed(case: Case) -> None:
    (await asked(case)).close()


async def test_a_large_reply_ends_with_its_session() -> None:
    house = LargeHouse()
    case = Case(house)
    reply = await asked(case)
    case.relay.session_ended(case.client().session)
    assert await taken_by_broken(reply) == HEAD + NAME
    await case.relay.close()


@each(
    "case",
    [
        ("RetrievePropertiesEx", "name", True),
        ("RetrievePropertiesEx", "viewList", False),
        ("RetrievePropertiesEx", "", False),
        ("CreateContainerView", "", False),
        ("WaitForUpdatesEx", "", True),
        ("QueryEvents", "", True),
        ("InitiateFileTransferFromGuest", "", False),
    ],
)
async def test_what_has_to_be_read_whole_is(case: tuple[str, str, bool]) -> None:
    method, path, in_parts = case
    house = LargeHouse()
    stood = Case(house)
    told = f"<pathSet>{path}</pathSet>" if path else "<all>true</all>"
    inner = f"<specSet><propSet><type>Folder</type>{told}</propSet></specSet>"
    if method != "RetrievePropertiesEx":
        inner = ""
    request = read_relayed(
        envelope(method, "PropertyCollector", "propertyCollector", inner).encode()
    )
    answer = await stood.relay.call(stood.client().session, request, (), lambda _: None)
    if isinstance(answer, StreamedAnswer):
        answer.reply.close()
    assert house.enough[method] == (ENOUGH if in_parts else None)
    await stood.relay.close()


WAIT = read_relayed(envelope("WaitForUpdatesEx", "PropertyCollector", "propertyCollector").encode())
CUT_SHORT = b"<truncated>true</truncated>"


@pytest.mark.parametrize("cut", range(0, len(CUT_SHORT), 9))
async def test_the_end_of_a_large_answer_of_a_wait_says_whether_it_is_all(cut: int) -> None:
    """What was left of it is not asked for twice; and it takes no place among the waits."""
    house = LargeHouse()
    case = Case(house)
    client = case.relay.clients.of(case.client().session)
    for rest, left in (
        ([NAME + CUT_SHORT[:cut], CUT_SHORT[cut:], END], {"propertyCollector"}),
        ([NAME, END], set()),
    ):
        house.rest = rest
        client.begin()  # it has something else under way, so that it is not forgotten
        answer = await case.relay.call(client.session, WAIT, (), lambda _: None)
        assert isinstance(answer, StreamedAnswer)
        assert (case.relay.waits, client.calls) == (0, 1)
        assert (await taken_by(answer.reply)).endswith(END)
        assert (client.cut_short, client.calls) == (left, 0)
        client.end()
    await case.relay.close()
    assert house.closed


@pytest.mark.parametrize("by", ["its client", "its session", "a stop"])
async def test_sec_61_nothing_is_left_of_a_large_answer_that_nobody_takes(by: str) -> None:
    """The upstream gives it where the wait is cancelled, as one that was about to end."""
    house = LargeHouse()
    case = Case(house)
    client = case.client()
    leave: list[Callable[[], None]] = []
    house.hold("WaitForUpdatesEx")
    waiting = asyncio.create_task(case.relay.call(client.session, WAIT, (), leave.append))
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    if by == "its client":
        leave[0]()
    elif by == "its session":
        case.relay.session_ended(client.session)
    else:
        case.relay.stop()
    (said,) = await asyncio.gather(waiting, return_exceptions=True)
    if isinstance(said, StreamedAnswer):  # it is on its way: whole, or broken off
        out, result = await taken(said.reply)
        assert (result == "ok") == out.endswith(END)
    await case.relay.close()
    assert house.given
    assert house.closed
    assert not any(one.under_way or one.calls for one in case.relay.clients.all())
    assert not case.relay.waits


async def test_sec_61_a_large_answer_of_a_wait_ends_with_its_session() -> None:
    house = LargeHouse()
    case = Case(house)
    client = case.client()
    answer = await case.relay.call(client.session, WAIT, (), lambda _: None)
    assert isinstance(answer, StreamedAnswer)
    case.relay.session_ended(client.session)
    assert await taken_by_broken(answer.reply) == HEAD + NAME
    await case.relay.close()
    assert house.closed
    assert not case.relay.clients.all()


class Sender:
    """A server that sends a large reply as fast as it is taken."""

    def __init__(self, megabytes: int) -> None:
        self.part = NAME * (65_536 // len(NAME))
        self.count = megabytes * 16
        self.sent = 0
        self.tasks: list[asyncio.Task[Any] | None] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        length = len(HEAD) + len(self.part) * self.count + len(END)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode() + HEAD)
        for _ in range(self.count):
            writer.write(self.part)
            await writer.drain()
            self.sent += 1
        writer.write(END)
        await writer.drain()
        writer.close()


async def test_a_slow_reader_of_30_megabytes_takes_few_of_memory() -> None:
    sender = Sender(30)
    server = await asyncio.start_server(sender, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    exchange = Exchange(f"http://127.0.0.1:{port}", Trust(verify=False))
    tokens = TokensInUse()
    clean: Callable[[bytes], bytes] = lambda part: tokens.cleaned(part, "a" * 36, "b" * 36)  # noqa: E731
    tracemalloc.start()
    try:
        ask = Ask("/sdk", (), b"", "GET")
        answer = await exchange.exchange(ask, within=None, largest=1, enough=ENOUGH)
        assert isinstance(answer, LargeAnswer)
        reply = await begin_large_reply(answer, clean, clean, 30.0)
        left = answer.left
        del answer
        size = 0
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                if not size:  # nothing more is read until the upstream is held up by it
                    await until(lambda: left._paused)
                    assert sender.sent < sender.count
                size += len(piece)
        assert size == reply.length
        reply.close()
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
        await exchange.close()
        server.close()
        await asyncio.gather(*filter(None, sender.tasks), return_exceptions=True)
