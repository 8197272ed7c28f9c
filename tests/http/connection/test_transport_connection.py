"""Whose place others may have: connections without sockets, where all places are taken."""

import asyncio

import pytest

from sessiongate.http.bounds.admission import MADE_ROOM, TOO_MANY
from sessiongate.http.bounds.idle_sockets import PATIENCE
from sessiongate.http.connection.transport_connection import DROPPED
from sessiongate.http.message import Reply, Request
from tests.http.connection.test_request_reader import KIB, NAMED, House, declared
from tests.http.wires import GET, Wire, done, turn

SESSION = b"GET / HTTP/1.1\r\nHost: x\r\nx-token: alive\r\n\r\n"
LATER = 2 * PATIENCE


class Full(House):
    """All of its places are taken by connections that have said this."""

    def __init__(self, *said: bytes, connections: int = 3) -> None:
        super().__init__(connections=connections)
        self.wires = [self.wire() for _ in range(connections)]
        for wire in self.wires:
            for part in said:
                wire.connection.data_received(part)

    async def handle(self, request: Request) -> Reply:
        """A session vouches, and `/login` opens one."""
        request.vouched = request.header("x-token") == "alive"
        reply = await super().handle(request)
        reply.undelivered = (lambda: None) if request.path == "/login" else None
        return reply

    async def newcomer(self) -> bytes:
        """What is said to one more, who asks after everybody has waited."""
        for wire in self.wires:
            await done(wire)
        self.time.at += LATER
        wire = self.wire()
        if not wire.closed:
            wire.connection.data_received(GET % b"")
            await done(wire)
        return wire.out[:12]

    @property
    def closed(self) -> list[bool]:
        return [wire.closed for wire in self.wires]


@pytest.mark.parametrize(
    "said",
    [
        (),
        (b"GET / HT",),
        (GET % b"",),
        (GET % b"", b"GET / HT"),
        (GET % b"" * 40,),
        (declared(2 * KIB)[0] + b"a",),
        (declared(2 * KIB, headers=NAMED)[0] + b"a",),
    ],
    ids=["nothing", "half a head", "one request", "and a half", "many", "half a body", "named"],
)
async def test_sec_74_who_asks_next_to_nothing_keeps_nobody_out(said: tuple[bytes, ...]) -> None:
    house = Full(*said)
    assert await house.newcomer() == b"HTTP/1.1 200"
    # With one reply each it is the first; which of them was done first with many, the turns decide.
    assert sorted(house.closed) == [False, False, True]
    assert house.closed[0] or len(said) == 1 == said[0].count(b"GET") // 40
    assert house.refused == {}
    assert house.admission.refusals == {MADE_ROOM: 1}
    house.wires[house.closed.index(True)].connection.connection_lost(None)
    assert house.admission.inside == 3


@pytest.mark.parametrize("said", [SESSION, GET % b"login"], ids=["session", "login"])
async def test_sec_74_who_is_known_keeps_his_place_between_requests(said: bytes) -> None:
    house = Full(said)
    assert await house.newcomer() == b"HTTP/1.1 503"
    assert house.closed == [False] * 3
    assert house.refused == {TOO_MANY: 1}
    # Also after a request without the session, such as one for a page.
    house.wires[0].connection.data_received(GET % b"")
    assert await house.newcomer() == b"HTTP/1.1 503"


async def test_sec_74_a_request_under_way_keeps_its_place() -> None:
    house = Full()
    house.slow = asyncio.Event()
    for wire in house.wires:
        wire.connection.data_received(GET % b"")
    await turn()
    house.time.at += LATER
    assert house.wire().out[:12] == b"HTTP/1.1 503"
    house.doorman.gate = asyncio.Event()
    house.slow.set()
    for wire in house.wires:
        await done(wire)
        wire.connection.data_received(declared(100 * KIB, headers=NAMED)[0])
    await turn()
    house.time.at += LATER
    assert house.wire().out[:12] == b"HTTP/1.1 503"  # whether they are known is being found out
    house.doorman.gate.set()
    assert house.closed == [False] * 3


async def test_sec_74_among_strangers_the_longest_idle_goes_first() -> None:
    house = Full(GET % b"")
    for wire in house.wires:
        await done(wire)
    house.time.at += LATER
    house.wires[0].connection.data_received(GET % b"")
    assert await house.newcomer() == b"HTTP/1.1 200"
    assert house.closed == [False, True, False]


async def test_sec_74_who_has_made_room_is_heard_no_more() -> None:
    house = Full(GET % b"" * 40)
    await house.newcomer()
    gone: Wire = house.wires[house.closed.index(True)]
    said = gone.out
    gone.connection.data_received(GET % b"")
    await turn()
    assert gone.out == said
    assert gone.connection.task is None


async def test_sec_73_after_a_refusal_a_bounded_number_of_bytes_is_read() -> None:
    """They are dropped; who sends on and on would have been read for as long as the reply lasts."""
    house = House()
    wire = house.wire()
    wire.connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert wire.out[:12] == b"HTTP/1.1 400"
    for _ in range(DROPPED // (64 * KIB)):
        wire.connection.data_received(bytes(64 * KIB))
        assert wire.reading
    wire.connection.data_received(b"a")
    assert not wire.reading
    house.time.at += 10
    wire.connection.expire()
    wire.connection.connection_lost(None)
    assert house.admission.inside == 0
