"""Requests as they are read: what one turn does for a connection, and what strangers may send.

Bytes without sockets, as much of them as one read may bring; the end-to-end floods are in
`tests/end_to_end/test_floods.py`.
"""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.http.bounds.admission import Admission
from sessiongate.http.connection.causes import ANONYMOUS_BODY, NO_BUDGET, UNDECIDED
from sessiongate.http.connection.edge import Edge
from sessiongate.http.connection.request_reader import STEPS_A_TURN
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Reply, Request
from tests.http.wires import CHUNKED, GET, Time, Wire, done, turn
from tests.until import until

POST = b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
NAMED = b"x-token: alive\r\n"
KIB = 1024


class Doorman:
    """Knows the callers whose token is `alive`, and excuses bodies at /excused with `assertion`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def known(self, request: Request) -> bool:
        assert request.body == b""
        self.asked.append(request.path)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return request.header("x-token") == "alive"

    def may_be_excused(self, path: str) -> bool:
        return path == "/excused"

    def excused(self, begun: bytes | bytearray) -> bool:
        return b"assertion" in begun


class Tls:
    """What a connection asks of TLS."""

    def getpeercert(self, *, binary_form: bool) -> None:
        assert binary_form


class House:
    """An edge that knows some of its callers."""

    def __init__(self, **limits: Any) -> None:
        given = {"body": 256 * KIB, "anonymous_body": 64 * KIB, **limits}
        self.limits = HttpLimits(**given)
        self.admission = Admission(self.limits)
        self.doorman = Doorman()
        self.time = Time()
        self.edge = Edge(
            self.handle,
            self.limits,
            self.time,
            admission=self.admission,
            callers=self.doorman,
            streams=lambda _, path: path == "/stream",
        )
        self.bodies: list[int] = []
        self.slow: asyncio.Event | None = None

    async def handle(self, request: Request) -> Reply:
        if self.slow is not None:
            await self.slow.wait()
        self.bodies.append(len(request.body))
        return Reply(200)

    def wire(self, address: str = "127.0.0.1", *, tls: bool = False) -> Wire:
        return Wire(self.edge, address=address, ssl_object=Tls() if tls else None)

    @property
    def refused(self) -> dict[str, int]:
        return dict(+self.edge.refusals)


def declared(size: int, path: bytes = b"/", headers: bytes = b"") -> tuple[bytes, bytes]:
    return POST % (path, headers, size), b"a" * size


def chunked(size: int, path: bytes = b"/", headers: bytes = b"") -> tuple[bytes, bytes]:
    head = CHUNKED.replace(b"POST / ", b"POST %b " % path).replace(
        b"Host: x\r\n", b"Host: x\r\n" + headers
    )
    return head, b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"a" * size)


def chunks(size: int, path: bytes = b"/", headers: bytes = b"") -> tuple[bytes, bytes]:
    head, _ = chunked(size, path, headers)
    whole, rest = divmod(size, 256)
    parts = b"100\r\n%b\r\n" % (b"a" * 256) * whole
    if rest:
        parts += b"%x\r\n%b\r\n" % (rest, b"a" * rest)
    return head, parts + b"0\r\n\r\n"


Send = Callable[..., tuple[bytes, bytes]]
in_each_form = pytest.mark.parametrize("form", [declared, chunked, chunks])
in_pieces = pytest.mark.parametrize("piece", [1 << 20, 10_000], ids=["at once", "in pieces"])


async def send(wire: Wire, data: bytes, piece: int = 1 << 20) -> None:
    for at in range(0, len(data), piece):
        if not wire.closed:
            wire.connection.data_received(data[at : at + piece])
        await done(wire)


@in_each_form
@in_pieces
async def test_sec_75_a_stranger_may_send_less(form: Send, piece: int) -> None:
    house = House()
    fits = house.wire()
    await send(fits, b"".join(form(64 * KIB)), piece)
    assert house.bodies == [64 * KIB]
    large = house.wire()
    await send(large, b"".join(form(64 * KIB + 1)), piece)
    assert large.out.startswith(b"HTTP/1.1 413 ")
    assert large.closed
    assert house.refused == {ANONYMOUS_BODY: 1}
    assert house.bodies == [64 * KIB]
    assert house.admission.held == 0


async def test_sec_75_a_large_body_is_refused_before_it_comes() -> None:
    house = House()
    wire = house.wire()
    head, _ = declared(100 * KIB, headers=b"Expect: 100-continue\r\n")
    await send(wire, head)
    assert wire.out.startswith(b"HTTP/1.1 413 ")


@in_each_form
@in_pieces
async def test_sec_75_a_known_caller_may_send_more(form: Send, piece: int) -> None:
    house = House()
    wire = house.wire()
    await send(wire, b"".join(form(200 * KIB, headers=NAMED)) + GET % b"next", piece)
    assert house.doorman.asked == ["/"]
    assert house.bodies == [200 * KIB, 0]
    assert wire.reading
    over = house.wire()
    await send(over, b"".join(form(256 * KIB + 1, headers=NAMED)), piece)
    assert over.out.startswith(b"HTTP/1.1 413 ")
    assert house.refused == {"body_too_large": 1}
    assert house.admission.held == 0


async def test_sec_75_a_known_caller_is_told_to_go_on() -> None:
    house = House()
    wire = house.wire()
    head, body = declared(100 * KIB, headers=NAMED + b"Expect: 100-continue\r\n")
    await send(wire, head)
    assert wire.out == b"HTTP/1.1 100 Continue\r\n\r\n"
    await send(wire, body)
    assert house.bodies == [100 * KIB]


@in_each_form
@in_pieces
async def test_sec_75_a_login_by_token_is_excused_and_counted(form: Send, piece: int) -> None:
    house = House()
    head, body = form(150 * KIB, b"/excused")
    body = body.replace(b"a" * 9, b"assertion", 1)
    wire = house.wire()
    await send(wire, head + body[: 100 * KIB], piece)
    assert house.admission.held >= 95 * KIB
    await send(wire, body[100 * KIB :], piece)
    assert house.bodies == [150 * KIB]
    assert house.doorman.asked == []
    other = house.wire()
    await send(other, b"".join(form(150 * KIB, b"/excused")), piece)
    assert other.out.startswith(b"HTTP/1.1 413 ")
    assert house.admission.held == 0


async def test_sec_75_nothing_is_read_while_the_caller_is_looked_up() -> None:
    house = House()
    house.doorman.gate = asyncio.Event()
    wire = house.wire()
    head, body = declared(100 * KIB, headers=NAMED)
    wire.connection.data_received(head + body[:100])
    await turn()
    assert not wire.reading
    house.doorman.gate.set()
    await done(wire)
    assert wire.reading
    await send(wire, body[100:])
    assert house.bodies == [100 * KIB]


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), RuntimeError("a fault of ours")])
async def test_sec_75_an_outage_is_no_verdict(error: Exception) -> None:
    house = House()
    house.doorman.error = error
    wire = house.wire()
    await send(wire, declared(100 * KIB, headers=NAMED)[0])
    assert wire.out.startswith(b"HTTP/1.1 503 ")
    assert house.refused == {UNDECIDED: 1}


async def test_sec_75_who_leaves_while_he_is_looked_up_is_forgotten() -> None:
    house = House()
    house.doorman.gate = asyncio.Event()
    left, killed = house.wire(), house.wire()
    for wire in (left, killed):
        wire.connection.data_received(declared(100 * KIB)[0])
    await turn()
    left.connection.connection_lost(None)
    killed.connection.kill()
    await turn()
    assert killed.closed
    killed.connection.connection_lost(None)
    house.doorman.gate.set()
    for _ in range(5):
        await turn()
    assert house.edge.connections == set()
    assert house.admission.inside == 0


@pytest.mark.parametrize("headers", [NAMED, b""], ids=["known", "not known"])
async def test_sec_75_who_was_closed_while_he_was_looked_up_stays_closed(headers: bytes) -> None:
    """What had come of it was read on and handled, as if it were still there."""
    house = House(anonymous_total=100 * KIB)
    house.doorman.gate = asyncio.Event()
    begun, whole, chunky = house.wire(), house.wire(), house.wire()
    begun.connection.data_received(declared(100 * KIB, headers=headers)[0])
    chunky.connection.data_received(b"".join(chunked(70 * KIB, headers=headers)))
    house.admission.bodies.held += 90 * KIB  # others like it
    whole.connection.data_received(b"".join(declared(60 * KIB, headers=headers)))
    await turn()
    assert len(house.doorman.asked) == 3
    wires = (begun, whole, chunky)
    for wire in wires:
        wire.connection.accepted.end()
        assert wire.closed
    house.doorman.gate.set()
    for wire in wires:
        await done(wire)
    assert [wire.out for wire in wires] == [b""] * 3
    assert (house.bodies, house.refused) == ([], {})
    for wire in wires:
        wire.connection.connection_lost(None)
    house.admission.bodies.held -= 90 * KIB
    assert (house.admission.held, house.admission.inside) == (0, 0)
    assert house.edge.connections == set()


async def test_sec_75_all_together_have_one_budget() -> None:
    house = House(anonymous_total=512 * KIB)
    wires = [house.wire() for _ in range(50)]
    for wire in wires:
        await send(wire, declared(60 * KIB)[0] + b"a" * 50 * KIB)
    assert house.admission.held <= 512 * KIB
    told = [wire.out[:12] for wire in wires]
    assert told == [b""] * 10 + [b"HTTP/1.1 503"] * 40
    assert house.refused == {NO_BUDGET: 40}
    # What is given back is there for others.
    for wire in wires[:10]:
        await send(wire, b"a" * 10 * KIB)
    assert house.bodies == [60 * KIB] * 10
    assert house.admission.held == 0


@pytest.mark.parametrize("peer_leaves_first", [True, False])
async def test_sec_75_what_a_cancelled_request_held_is_given_back(peer_leaves_first: bool) -> None:
    house = House()
    house.slow = asyncio.Event()
    wires = [house.wire() for _ in range(3)]
    for wire in wires:
        wire.connection.data_received(b"".join(declared(30 * KIB)))
    await turn()
    assert house.admission.held == 90 * KIB
    for wire in wires:
        if peer_leaves_first:
            wire.connection.connection_lost(None)
        wire.connection.kill()
    for wire in wires:
        await done(wire)
        if not peer_leaves_first:
            assert wire.closed
            wire.connection.connection_lost(None)
    assert (house.admission.held, house.admission.inside) == (0, 0)


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /" + b"a" * 50 * KIB,
        CHUNKED + b"c800\r\n" + b"a" * 50 * KIB,
        declared(60 * KIB)[0] + b"a" * 50 * KIB,
    ],
    ids=["head", "chunks", "body"],
)
async def test_sec_75_whatever_is_unfinished_counts(begun: bytes) -> None:
    house = House(anonymous_total=100 * KIB)
    wires = [house.wire() for _ in range(5)]
    for wire in wires:
        await send(wire, begun)
    assert 50 * KIB <= house.admission.held <= 100 * KIB
    assert [wire.closed for wire in wires] == [False, *[True] * 4] or [
        wire.closed for wire in wires
    ] == [False, False, *[True] * 3]
    for wire in wires:
        wire.connection.connection_lost(None)
    assert house.admission.held == 0


async def test_sec_75_the_known_and_the_small_are_served_when_the_budget_is_used_up() -> None:
    house = House(anonymous_total=100 * KIB)
    hog = house.wire()
    await send(hog, declared(64 * KIB)[0] + b"a" * 60 * KIB)
    house.admission.bodies.held += 40 * KIB  # others like it
    known, small, large = house.wire(), house.wire(), house.wire()
    await send(known, b"".join(declared(60 * KIB, headers=NAMED)), 10_000)
    await send(small, b"".join(declared(2 * KIB)), 1000)
    await send(large, b"".join(declared(60 * KIB)))
    assert known.out.startswith(b"HTTP/1.1 200 ")
    assert small.out.startswith(b"HTTP/1.1 200 ")
    assert large.out.startswith(b"HTTP/1.1 503 ")


async def test_sec_75_what_waits_behind_a_slow_handler_counts_too() -> None:
    """Requests sent ahead of their turn, and the body that the handler has."""
    house = House(anonymous_total=200 * KIB)
    house.slow = asyncio.Event()
    wires = [house.wire() for _ in range(10)]
    for wire in wires:
        wire.connection.data_received(b"".join(declared(30 * KIB)))
        await turn()
        await turn()
        if not wire.closed:
            wire.connection.data_received(GET % (b"a" * 1000) * 60)
    # One read more than the budget may come in before it is noticed.
    assert house.admission.held <= 200 * KIB
    house.slow.set()
    for wire in wires:
        await done(wire)
    served = [wire.out.count(b"HTTP/1.1 200") for wire in wires]
    assert served[0] == 61
    assert min(served) <= 1
    # Who has lost requests is told that the reply is the last.
    assert all(
        (b"Connection: close" in wire.out) == (count < 61)
        for wire, count in zip(wires, served, strict=True)
    )
    assert house.admission.held == 0


async def test_sec_75_questions_are_few_while_the_budget_is_used_up() -> None:
    """Until they are answered nothing is refused, and all that is read in one turn is held."""
    house = House(anonymous_total=100 * KIB)
    house.doorman.gate = asyncio.Event()
    wires = [house.wire() for _ in range(200)]
    for number, wire in enumerate(wires):
        path = b"/excused" if number % 2 else b"/"
        wire.connection.data_received(declared(60 * KIB, path, NAMED)[0] + b"a" * 50 * KIB)
    assert house.admission.held <= 100 * KIB + 32 * 50 * KIB
    assert sum(wire.closed for wire in wires) > 150
    house.doorman.gate.set()
    for wire in wires:
        await done(wire)
    assert house.admission.asking == 0
    for wire in wires:
        wire.connection.connection_lost(None)
    assert (house.admission.held, house.admission.inside) == (0, 0)


async def test_sec_75_large_bodies_that_are_being_judged_are_bounded_too() -> None:
    house = House(anonymous_total=1000 * KIB)
    house.doorman.gate = asyncio.Event()
    wires = [house.wire() for _ in range(200)]
    for wire in wires:
        wire.connection.data_received(b"".join(declared(100 * KIB, headers=NAMED)))
    assert house.admission.held <= (1000 + 33 * 100) * KIB
    for _ in range(5):
        await turn()
    assert house.admission.asking <= 33
    house.doorman.gate.set()
    for wire in wires:
        await done(wire)
        wire.connection.connection_lost(None)
    assert (house.admission.asking, house.admission.held, house.admission.inside) == (0, 0, 0)
    assert len(house.bodies) >= 9


async def test_sec_75_without_anybody_who_knows_callers_the_budget_holds_all_the_same() -> None:
    house = House(anonymous_total=100 * KIB)
    house.edge.callers = None
    wires = [house.wire() for _ in range(3)]
    for wire in wires:
        await send(wire, declared(200 * KIB)[0] + b"a" * 80 * KIB)
    assert [wire.out[:12] for wire in wires] == [b"", *[b"HTTP/1.1 503"] * 2]


@pytest.mark.parametrize("form", [declared, chunked])
@pytest.mark.parametrize("behind", [0, 60 * KIB, 70 * KIB])
async def test_sec_91_a_peer_whose_request_waits_is_read(form: Send, behind: int) -> None:
    """Reading had stopped for the question whose it is, and nobody saw the peer leave."""
    house = House()
    told: list[str] = []
    go_on = asyncio.Event()

    async def waits(request: Request) -> Reply:
        request.when_gone(lambda: told.append(request.path))
        await go_on.wait()
        return Reply(204)

    house.edge.handler = waits
    wire = house.wire()
    head, body = form(100 * KIB, headers=NAMED)
    wire.connection.data_received(head + body + b"G" * behind)
    await until(lambda: wire.reading or bool(told))
    assert told == (["/"] if behind > 64 * KIB else [])
    wire.connection.eof_received()
    assert told == ["/"]
    go_on.set()
    await done(wire)


# One connection never takes the event loop from the others.

# What uvloop hands over at once.
ONE_READ = 256 * 1024

SMALL_POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


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


@pytest.mark.parametrize("request_", [GET % b"", SMALL_POST, CHUNKED + b"1\r\na\r\n0\r\n\r\n"])
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
    assert len(wire.connection._buffer.rest) >= ONE_READ - 2 * STEPS_A_TURN
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
