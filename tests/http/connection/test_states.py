"""A connection moves as its table says: each move is made by something, and no other is made."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiongate.http.connection import connection as module
from sessiongate.http.connection.connection import Connection
from sessiongate.http.connection.states import MOVES, At
from sessiongate.http.message import Reply, Request
from tests.each import each
from tests.http.connection.test_connection import PIECES
from tests.http.connection.test_request_reader import KIB, NAMED, House, declared
from tests.http.wires import GET, Wire, done, turn

Move = tuple[At, At]


class Watched(Connection):
    """Notes each move. Where it stands is kept beside the real slot."""

    @property
    def _at(self) -> At:
        return self.path[-1]

    @_at.setter
    def _at(self, to: At) -> None:
        if not hasattr(self, "path"):
            self.path = [to]
        elif self.path[-1] is not to:
            self.path.append(to)

    @property
    def moves(self) -> list[Move]:
        return list(zip(self.path, self.path[1:], strict=False))


class Play:
    """A house with one peer, and what the peer does."""

    def __init__(self) -> None:
        self.house = House()
        self.wire = Wire(self.house.edge, Watched)
        assert isinstance(self.wire.connection, Watched)
        self.connection: Watched = self.wire.connection

    async def send(self, *pieces: bytes) -> "Play":
        """Send these, and wait after each until it is worked on."""
        for piece in pieces:
            self.connection.data_received(piece)
            await done(self.wire)
        return self

    async def ask(self, request: bytes) -> "Play":
        """Send a request that the handler keeps."""
        self.house.slow = asyncio.Event()
        self.connection.data_received(request)
        await turn()
        return self

    async def leave(self) -> "Play":
        """The peer is gone; what was under way ends."""
        self.connection.connection_lost(None)
        if self.house.slow is not None:
            self.house.slow.set()
        if self.house.doorman.gate is not None:
            self.house.doorman.gate.set()
        await done(self.wire)
        return self


LARGE = declared(100 * KIB)
KNOWN = declared(100 * KIB, headers=NAMED)
POST = declared(4)
STREAM = declared(4, b"/stream")
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def gone_while_asked(play: Play) -> None:
    play.house.doorman.gate = asyncio.Event()
    play.connection.data_received(LARGE[0])
    await turn()
    await play.leave()


PLAYS: dict[Move, Callable[[Play], Awaitable[object]]] = {
    (At.HEAD, At.BODY): lambda play: play.send(POST[0]),
    (At.HEAD, At.STREAM): lambda play: play.send(STREAM[0]),
    (At.HEAD, At.BUSY): lambda play: play.send(GET % b""),
    (At.IDLE, At.HEAD): lambda play: play.send(GET % b"", b"GET /"),
    (At.IDLE, At.BODY): lambda play: play.send(GET % b"", POST[0]),
    (At.IDLE, At.STREAM): lambda play: play.send(GET % b"", STREAM[0]),
    (At.IDLE, At.BUSY): lambda play: play.send(GET % b"" * 2),
    (At.BODY, At.BUSY): lambda play: play.send(*POST),
    (At.BODY, At.ASKING): lambda play: play.send(LARGE[0]),
    (At.ASKING, At.BODY): lambda play: play.send(KNOWN[0]),
    (At.STREAM, At.BUSY): lambda play: play.send(*STREAM),
    (At.BUSY, At.IDLE): lambda play: play.send(GET % b""),
    (At.HEAD, At.DONE): lambda play: play.send(b"\0\r\n\r\n"),
    (At.IDLE, At.DONE): lambda play: play.send(CLOSE),
    (At.BODY, At.DONE): lambda play: play.send(POST[0]),
    (At.ASKING, At.DONE): gone_while_asked,
    (At.STREAM, At.DONE): lambda play: play.ask(STREAM[0]),
    (At.BUSY, At.DONE): lambda play: play.ask(GET % b""),
}
"""Something that makes each move, if need be by the peer leaving after it."""


def test_the_table_has_no_dead_end_but_the_end() -> None:
    assert set(At) - {at for at, _ in MOVES} == {At.DONE}
    assert {to for _, to in MOVES} == set(At)
    assert {at for at, to in MOVES if to is At.DONE} == set(At) - {At.DONE}


def test_the_module_tells_the_same_moves() -> None:
    told = {
        (At[at], At[to])
        for at, row in re.findall(r"^    ([A-Z]+) +-> ([A-Z, ]+)$", module.__doc__ or "", re.M)
        for to in row.split(", ")
    }
    assert told == {(at, to) for at, to in MOVES if to is not At.DONE}


@each("move", MOVES, ids=lambda move: f"{move[0].name} to {move[1].name}")
async def test_each_move_is_made(move: Move) -> None:
    play = Play()
    await PLAYS[move](play)
    if move[1] is At.DONE and play.connection.path[-1] is not At.DONE:
        await play.leave()
    assert move in play.connection.moves
    assert set(play.connection.moves) <= MOVES.keys()


@pytest.mark.parametrize("refusal", [b"\0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n" * 3])
async def test_nothing_leads_out_of_the_end(refusal: bytes) -> None:
    play = await Play().send(GET % b"", refusal, GET % b"")
    assert play.connection.path[-1] is At.DONE
    assert play.connection.path.count(At.DONE) == 1


async def test_a_connection_that_lost_its_place_is_not_taken_up_by_a_late_reply() -> None:
    play = Play()
    told: list[str] = []

    async def login(request: Request) -> Reply:
        reply = await play.house.handle(request)
        reply.undelivered = lambda: told.append(request.path)
        return reply

    play.house.edge.handler = login
    await play.ask(GET % b"login" + GET % b"next")
    play.connection._abort()  # as the admission does
    play.wire.closed = False  # the transport tells it in the next turn of the loop only
    assert play.house.slow is not None
    play.house.slow.set()
    await done(play.wire)
    assert play.connection.moves[-1] == (At.BUSY, At.DONE)
    assert told == ["/login"]


async def anything(pieces: list[bytes], leaves: bool) -> list[Move]:
    play = Play()
    for piece in pieces:
        with contextlib.suppress(AssertionError):  # written after the close: `Wire` says so
            await play.send(piece)
    if leaves:
        await play.leave()
    return play.connection.moves


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(
    st.lists(PIECES | st.sampled_from([*LARGE, *KNOWN, *POST, *STREAM]), max_size=12),
    st.booleans(),
)
def test_whatever_comes_no_other_move_is_made(pieces: list[bytes], leaves: bool) -> None:
    assert set(asyncio.run(anything(pieces, leaves))) <= MOVES.keys()
