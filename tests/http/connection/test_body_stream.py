"""What a handler is handed of a body, and when more is asked for."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.http.connection.body_stream import FULL, BodyStream


class Sender:
    """Puts in the next piece whenever there is room."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.stream = BodyStream(None, self.go_on)
        self.asked = 0

    def go_on(self) -> None:
        self.asked += 1
        while self.left and self.stream.has_room:
            self.stream.put(self.left.pop(0))
        if not self.left:
            self.stream.end()


async def taken(stream: BodyStream) -> list[bytes]:
    return [piece async for piece in stream.pieces()]


async def test_nothing_is_asked_for_before_it_is_taken() -> None:
    sender = Sender(b"a")
    assert not sender.stream.has_room
    assert sender.asked == 0
    assert await taken(sender.stream) == [b"a"]


async def test_small_pieces_come_together_and_large_ones_by_themselves() -> None:
    large = b"x" * FULL
    assert await taken(Sender(b"a", b"b", b"c").stream) == [b"abc"]
    assert await taken(Sender(b"a", large, large, b"b").stream) == [b"a", large, large, b"b"]


async def test_no_more_is_asked_for_than_there_is_room_for() -> None:
    sender = Sender(*[b"x" * FULL] * 3)
    pieces = sender.stream.pieces()
    assert await anext(pieces) == b"x" * FULL
    assert len(sender.left) == 1
    assert not sender.stream.has_room
    assert [len(piece) async for piece in pieces] == [FULL, FULL]


async def test_a_body_that_breaks_is_not_handed_out_any_further() -> None:
    sender = Sender(*[b"x" * FULL] * 3)
    pieces = sender.stream.pieces()
    await anext(pieces)
    sender.stream.fail("it stops")
    sender.stream.fail("for another reason")
    with pytest.raises(Malformed, match="it stops"):
        await anext(pieces)


async def test_a_body_that_is_whole_does_not_break_any_more() -> None:
    sender = Sender(b"a")
    pieces = sender.stream.pieces()
    assert await anext(pieces) == b"a"
    sender.stream.fail("too late")
    assert [piece async for piece in pieces] == []
