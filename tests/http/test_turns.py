"""One connection never takes the event loop from the others: what one turn of the loop does for it.

Bytes without sockets, as much of them as one read may bring; the end-to-end floods are in
`tests/end_to_end/test_floods.py`.
"""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from sessiongate.http.edge import Edge
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Reply, Request
from sessiongate.http.request_reader import STEPS_A_TURN
from tests.http.test_connection import CHUNKED, GET, Time, Wire, turn

# What uvloop hands over at once.
ONE_READ = 256 * 1024

POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


class Replies:
    """Counts what a wire was answered, each byte once: a turn adds little to much."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._counted = 0
        self._seen = 0

    def count(self) -> int:
        out = self._wire.out
        end = out.rfind(b"\r\n\r\n", self._seen)  # these replies have no body
        if end != -1:
            self._counted += out.count(b"HTTP/1.1 200", self._seen, end)
            self._seen = end + 4
        return self._counted


async def served(wire: Wire, count: int, a_turn: Callable[[], None] = lambda: None) -> None:
    """Let the loop turn until so many requests are answered. `a_turn` runs once in each turn."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    replies = Replies(wire)

    def next_turn() -> None:
        a_turn()
        if replies.count() < count:
            loop.call_soon(next_turn)
        else:
            done.set_result(None)

    next_turn()
    async with asyncio.timeout(60):
        await done


@pytest.mark.parametrize("request_", [GET % b"", POST, CHUNKED + b"1\r\na\r\n0\r\n\r\n"])
async def test_sec_73_a_turn_answers_only_so_many_of_one_connection(request_: bytes) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(200)

    wire = Wire(Edge(handler, HttpLimits(), Time()))
    count = ONE_READ // len(request_)
    counts, replies = [0], Replies(wire)

    def a_turn() -> None:
        counts.append(replies.count())

    wire.connection.data_received(request_ * count)
    await served(wire, count, a_turn)
    assert max(b - a for a, b in pairwise(counts)) <= STEPS_A_TURN


async def test_sec_73_meanwhile_nothing_more_is_read_and_later_everything() -> None:
    async def handler(request: Request) -> Reply:
        return Reply(200)

    wire = Wire(Edge(handler, HttpLimits(), Time()))
    count = ONE_READ // len(GET)
    wire.connection.data_received(GET % b"" * (count - 1))
    wire.connection.data_received(GET % b"")
    assert not wire.reading
    await served(wire, count)
    await turn()
    assert wire.reading
    wire.connection.data_received(GET % b"")
    await served(wire, count + 1)


async def test_sec_73_empty_lines_are_work_too() -> None:
    """They are answered by nothing, so a count of replies would let any number through."""

    async def handler(request: Request) -> Reply:
        return Reply(200)

    wire = Wire(Edge(handler, HttpLimits(), Time()))
    wire.connection.data_received(b"\r\n" * (ONE_READ // 2) + GET % b"")
    assert len(wire.connection._intake.rest) >= ONE_READ - 2 * STEPS_A_TURN
    await served(wire, 1)


async def test_sec_73_a_turn_ends_early_where_requests_are_dear() -> None:
    """Sixteen lists of all sessions in one turn would be as bad as a thousand small replies."""

    async def dear(request: Request) -> Reply:
        time.at += 0.02
        return Reply(200)

    time = Time()
    wire = Wire(Edge(dear, HttpLimits(), time))
    spent = [time.at]
    wire.connection.data_received(GET % b"" * 40)
    spent.append(time.at)
    await served(wire, 40, lambda: spent.append(time.at))
    assert max(b - a for a, b in pairwise(spent)) < 0.03


async def test_sec_73_who_says_no_more_or_is_retired_meanwhile_is_still_answered() -> None:
    async def handler(request: Request) -> Reply:
        return Reply(200)

    edge = Edge(handler, HttpLimits(), Time())
    wire = Wire(edge)
    wire.connection.data_received(GET % b"" * 50)
    wire.connection.eof_received()
    await served(wire, 50)
    await turn()
    assert wire.closed
    retired = Wire(edge)
    retired.connection.data_received(GET % b"" * 50)
    edge.stopping = True
    retired.connection.retire()
    while not retired.closed:
        await turn()
    assert b"Connection: close" in retired.out


async def test_sec_73_who_has_left_meanwhile_is_forgotten() -> None:
    async def handler(request: Request) -> Reply:
        return Reply(200)

    edge = Edge(handler, HttpLimits(), Time())
    wire = Wire(edge)
    wire.connection.data_received(GET % b"" * 50)
    wire.connection.connection_lost(None)
    while edge.connections:
        await turn()
    before = wire.out
    for _ in range(5):
        await turn()
    assert wire.out == before
