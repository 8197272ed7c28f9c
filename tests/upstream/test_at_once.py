"""A reply that comes in one piece by a head that was read before, beside the same read in steps."""

import asyncio
from typing import Any

from sessiongate.upstream.connection import NEVER, IncomingReply, UpstreamConnection
from sessiongate.upstream.reply_reader import KEPT_HEADS
from sessiongate.wire.http import Answer
from tests.each import each

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
