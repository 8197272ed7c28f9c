"""Bodies that come slowly."""

from sessiongate.faults.slow import Dribble, dribbled
from sessiongate.http.message import Reply


async def test_a_body_comes_in_pieces_at_its_pace() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    body = Dribble(b"x" * 25, 100, sleep)
    assert [piece async for piece in body.pieces()] == [b"x" * 10, b"x" * 10, b"x" * 5]
    assert (body.length, slept) == (25, [0.1, 0.1, 0.1])


async def test_less_than_a_byte_at_a_time_is_a_byte_less_often() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    assert [piece async for piece in Dribble(b"ab", 2, sleep).pieces()] == [b"a", b"b"]
    assert slept == [0.5, 0.5]


def test_without_a_pace_or_a_body_a_reply_stays_as_it_is() -> None:
    assert dribbled(Reply(200, body=b"x"), None).body == b"x"
    assert dribbled(Reply(204), 5).download is None
    slow = dribbled(Reply(200, body=b"x"), 5)
    assert (slow.body, slow.download is not None) == (b"", True)
