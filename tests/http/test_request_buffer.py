"""Heads and bodies out of bytes, however these are cut: no connection, no clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.http.framing import Head
from sessiongate.http.request_buffer import BufferState, RequestBuffer

LIMIT = 8192
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n"
LENGTH = HEAD % b"Content-Length: 5\r\n"
CHUNKED = HEAD % b"Transfer-Encoding: chunked\r\n"


def with_head(buffer: RequestBuffer, allowed: int = 100) -> Head:
    head = buffer.take_head(LIMIT, 100)
    assert isinstance(head, Head)
    buffer.expect(head, allowed, LIMIT)
    return head


def cut(data: bytes, at: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True) if a < b]


@given(st.sets(st.integers(0, 90)), st.sampled_from([LENGTH, CHUNKED]))
def test_cutting_changes_nothing(at: set[int], head: bytes) -> None:
    body = b"hello" if head is LENGTH else b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    buffer = RequestBuffer()
    got: list[object] = []
    for piece in cut(b"\r\n" + head + body + b"GET", sorted(at)):
        buffer.add(piece)
        while buffer.rest:
            if buffer.head is None:
                found = buffer.take_head(LIMIT, 100)
                if isinstance(found, Head):
                    buffer.expect(found, 100, LIMIT)
                got.append(found.method if isinstance(found, Head) else found)
            else:
                got.append(buffer.take_body())
            if got[-1] is BufferState.MORE:
                break
    assert [one for one in got if one is not BufferState.MORE] == [
        BufferState.LINE,
        "POST",
        b"hello",
    ]
    assert bytes(buffer.rest) == b"GET"
    assert (buffer.head, buffer.chunks) == (None, None)


def test_a_head_may_be_so_long() -> None:
    for data, limit, got in (
        (LENGTH, len(LENGTH) - 1, BufferState.TOO_LARGE),
        (LENGTH[:-2], len(LENGTH) - 3, BufferState.TOO_LARGE),
        (LENGTH[:-2], len(LENGTH), BufferState.MORE),
    ):
        buffer = RequestBuffer()
        buffer.add(data)
        assert buffer.take_head(limit, 100) is got


@pytest.mark.parametrize("piece", [1, 700, 100_000])
def test_sec_73_a_head_of_too_many_lines_is_not_read(piece: int) -> None:
    """To read 16,000 lines took 4 ms, and then they were refused."""
    for lines, got in ((98, "POST"), (99, BufferState.TOO_MANY), (16_000, BufferState.TOO_MANY)):
        buffer = RequestBuffer()
        head = HEAD % (b"a:\r\n" * lines)
        found: Head | BufferState = BufferState.MORE
        for at in range(0, len(head), piece):
            buffer.add(head[at : at + piece])
            if (found := buffer.take_head(65536, 99)) is not BufferState.MORE:
                break
        assert (found.method if isinstance(found, Head) else found) == got


def test_what_can_never_be_a_head_is_malformed_before_its_end() -> None:
    buffer = RequestBuffer()
    buffer.add(b"GET / HTTP/1.1\r\n\0")
    with pytest.raises(Malformed):
        buffer.take_head(LIMIT, 100)


def test_a_declared_body_exceeds_once_what_is_allowed_has_come() -> None:
    buffer = RequestBuffer()
    buffer.add(LENGTH)
    with_head(buffer, allowed=3)
    buffer.add(b"he")
    assert buffer.take_body() is BufferState.MORE
    buffer.add(b"l")
    assert buffer.take_body() is BufferState.TOO_LARGE
    assert buffer.begun == b"hel"
    assert buffer.allow(5)
    assert buffer.take_body() is BufferState.MORE
    buffer.add(b"lo")
    assert buffer.take_body() == b"hello"


def test_a_chunk_exceeds_once_its_size_is_told() -> None:
    buffer = RequestBuffer()
    buffer.add(CHUNKED + b"2\r\nhe\r\n9\r\n")
    with_head(buffer, allowed=3)
    assert buffer.take_body() is BufferState.TOO_LARGE
    assert not buffer.allow(4)
    assert buffer.allow(11)
    assert buffer.take_body() is BufferState.MORE
    assert buffer.begun == b"he"


def test_nothing_is_held_after_clear() -> None:
    buffer = RequestBuffer()
    buffer.add(CHUNKED + b"2\r\nhe\r\n9\r\nabc")
    with_head(buffer)
    buffer.take_body()
    assert buffer.begun == b"heabc"
    buffer.clear()
    assert (buffer.rest, buffer.chunks, buffer.head) == (b"", None, None)


def heads(buffer: RequestBuffer, *sent: bytes, most: int = LIMIT) -> list[Head | BufferState]:
    found: list[Head | BufferState] = []
    for data in sent:
        buffer.add(data)
        found.append(buffer.take_head(most, 100))
    return found


GET = b"GET /a HTTP/1.1\r\nHost: x\r\nx-token: %b\r\n\r\n"


def test_the_head_that_a_known_caller_sends_again_is_read_once() -> None:
    buffer = RequestBuffer()
    buffer.keeps = True
    one, same, other, again = heads(buffer, *(GET % token for token in (b"1", b"1", b"2", b"1")))
    assert one is same
    for head, token in ((one, "1"), (other, "2"), (again, "1")):
        assert isinstance(head, Head)
        assert head.headers == [("host", "x"), ("x-token", token)]
    assert again is not one  # one is kept, the last


def test_a_head_that_was_kept_ends_where_it_ended() -> None:
    """What follows it is the next request, and what begins like it is another head."""
    buffer = RequestBuffer()
    buffer.keeps = True
    head, same = heads(buffer, LENGTH, LENGTH + b"hello")
    assert same is head
    assert bytes(buffer.rest) == b"hello"
    buffer.clear()
    buffer.keeps = True
    start = GET % b"1"
    head, part = heads(buffer, start, start[:-2])
    assert part is BufferState.MORE
    (longer,) = heads(buffer, b"y: z\r\n\r\n")
    assert isinstance(longer, Head)
    assert longer is not head
    assert longer.headers[2:] == [("y", "z")]


def test_no_head_is_kept_of_strangers_nor_a_large_one_nor_one_that_changes() -> None:
    expects = HEAD % b"Content-Length: 5\r\nExpect: 100-continue\r\n"
    for keeps, head in ((False, GET % b"1"), (True, GET % (b"1" * 1024)), (True, expects)):
        buffer = RequestBuffer()
        buffer.keeps = keeps
        one, other = heads(buffer, head, head)
        assert isinstance(one, Head)
        assert isinstance(other, Head)
        assert one is not other


def test_a_head_that_was_kept_obeys_the_limit_of_now() -> None:
    buffer = RequestBuffer()
    buffer.keeps = True
    heads(buffer, GET % b"1")
    assert heads(buffer, GET % b"1", most=20) == [BufferState.TOO_LARGE]


def test_nothing_is_kept_of_a_connection_that_is_gone() -> None:
    buffer = RequestBuffer()
    buffer.keeps = True
    (head,) = heads(buffer, GET % b"1")
    buffer.clear()
    (again,) = heads(buffer, GET % b"1")
    assert again is not head
