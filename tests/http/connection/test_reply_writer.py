"""What is written of a reply, and when: no more than a piece before the peer has read."""

import pytest

from sessiongate.http.connection.reply_writer import PIECE, ReplyWriter
from sessiongate.http.message import Reply
from tests.http.wires import Kept

DATE = "Thu, 01 Jan 1970 00:00:00 GMT"
LARGE = b"".join(number.to_bytes(4, "big") for number in range(3 * PIECE // 4))


class Unread(Kept):
    """Its peer has read all but so many bytes."""

    unread = 0

    def get_write_buffer_size(self) -> int:
        return self.unread


def writer_of(transport: Kept, reply: Reply, *, without_body: bool = False) -> ReplyWriter:
    writer = ReplyWriter(transport)
    transport.write(writer.prepare(reply, DATE, close=False, without_body=without_body))
    return writer


def test_a_small_reply_is_written_whole() -> None:
    transport = Kept()
    writer = writer_of(transport, Reply(200, (), LARGE[:PIECE]))
    assert not writer.unfinished
    assert transport.out.endswith(b"\r\n\r\n" + LARGE[:PIECE])


@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_leaves_nothing_to_write(status: int) -> None:
    assert not writer_of(Kept(), Reply(status, (), LARGE)).unfinished
    assert not writer_of(Kept(), Reply(200, (), LARGE), without_body=True).unfinished


def test_a_large_one_goes_on_until_the_peer_has_to_read_and_then_where_it_stopped() -> None:
    class Full(Kept):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            super().write(data)
            if self.out.endswith(LARGE[:PIECE]):
                writer.pause()

    transport = Full()
    writer = writer_of(transport, Reply(200, (), LARGE))
    assert not writer.send_on()
    assert writer.stalled
    assert transport.out.endswith(b"\r\n\r\n" + LARGE[:PIECE])
    writer.stalled = False
    assert writer.send_on()
    assert transport.out.endswith(b"\r\n\r\n" + LARGE)
    assert not writer.unfinished


@pytest.mark.parametrize("shared", [True, False])
def test_what_everybody_has_anyway_is_not_held_for_one(shared: bool) -> None:
    transport = Unread()
    writer = writer_of(transport, Reply(200, (), LARGE, shared=shared))
    transport.unread = 100
    assert writer.pause() == 100 + (0 if shared else len(LARGE))
    assert writer.to_read() == 100 + len(LARGE)


def test_reading_is_seen_once_for_each_look() -> None:
    transport = Unread()
    writer = writer_of(transport, Reply(200))
    transport.unread = 100
    writer.measure_unread()
    assert not writer.has_read()
    transport.unread = 99
    assert writer.has_read()
    assert not writer.has_read()


def test_what_is_dropped_is_written_no_more() -> None:
    transport = Kept()
    writer = writer_of(transport, Reply(200, (), LARGE))
    writer.drop()
    assert writer.send_on()
    assert LARGE[:PIECE] not in transport.out
