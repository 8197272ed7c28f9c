"""Where a reply begins and ends, without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.upstream import reply_reader
from sessiongate.upstream.reply_reader import LARGEST_HEAD, UNFIT, Broken, ReplyReader, is_unfit
from tests.each import each

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(wire: bytes, step: int = 0, *, to_head: bool = False) -> tuple[ReplyReader, bytes]:
    """Feed all of it in pieces of this size, in one where that is 0."""
    reader = ReplyReader(to_head=to_head)
    body = b""
    step = step or len(wire) or 1
    for at in range(0, len(wire), step):
        body += b"".join(reader.feed(wire[at : at + step]))
    return reader, body


def why(wire: bytes, step: int = 0) -> str:
    with pytest.raises(Malformed) as broken:
        read(wire, step)[0].end()
    return str(broken.value)


WHOLE = {
    "a length": OK + b"Content-Length: 5\r\n\r\nhello",
    "no body": OK + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "an interim reply": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
    + OK
    + b"Content-Length: 5\r\n\r\nhello",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304 with a length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n",
}


@each("wire", WHOLE.values(), WHOLE.keys())
def test_a_reply_is_the_same_wherever_the_network_cuts_it(wire: bytes) -> None:
    whole, body = read(wire)
    assert whole.done
    assert not whole.surplus
    assert whole.keep_alive
    for step in range(1, len(wire)):
        reader, same = read(wire, step)
        assert (reader.status, reader.headers, same) == (whole.status, whole.headers, body)
        assert reader.done
        assert not reader.surplus


@each("wire", WHOLE.values(), WHOLE.keys())
def test_a_reply_that_is_cut_short_is_broken(wire: bytes) -> None:
    for end in range(len(wire)):
        reader, _ = read(wire[:end], 7)
        assert not reader.done
        with pytest.raises(Malformed):
            reader.end()


@each("wire", WHOLE.values(), WHOLE.keys())
@each("more", [b"x", OK, b"\r\n"])
def test_bytes_after_a_reply_are_noticed(wire: bytes, more: bytes) -> None:
    for step in (0, 1, len(wire)):
        reader, _ = read(wire + more, step)
        assert reader.done
        assert reader.surplus


def test_the_head_is_taken_apart() -> None:
    reader, body = read(
        b"HTTP/1.1 404 Nothing here\r\nX-A:  b c \t\r\nx-a:\r\nContent-Length: 1\r\n\r\n\xff"
    )
    assert reader.status == 404
    assert reader.headers == (("x-a", "b c"), ("x-a", ""), ("content-length", "1"))
    assert reader.length == 1
    assert body == b"\xff"


def test_the_reply_to_head_ends_with_its_head() -> None:
    reader, _ = read(OK + b"Content-Length: 500\r\n\r\n", to_head=True)
    assert (reader.done, reader.length, reader.surplus) == (True, 500, False)
    reader, _ = read(CHUNKED, to_head=True)
    assert reader.done


def test_without_a_length_it_goes_on_until_the_end() -> None:
    reader, body = read(OK + b"\r\nhello", 3)
    assert not reader.done
    reader.end()
    assert (reader.done, body, reader.keep_alive) == (True, b"hello", False)


@each(
    "head",
    [b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"],
)
def test_the_upstream_may_say_that_the_connection_ends(head: bytes) -> None:
    reader, _ = read(head + b"Content-Length: 0\r\n\r\n")
    assert reader.done
    assert not reader.keep_alive


LENGTHS = {
    "two lengths": b"Content-Length: 1\r\nContent-Length: 2\r\n",
    "the same twice": b"Content-Length: 1\r\nContent-Length: 1\r\n",
    "a list": b"Content-Length: 1, 1\r\n",
    "a sign": b"Content-Length: +1\r\n",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
    "two codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
}


@each("lines", LENGTHS.values(), LENGTHS.keys())
def test_two_ways_to_cut_it_are_refused(lines: bytes) -> None:
    assert why(OK + lines + b"\r\nx") in (Broken.LENGTH, Broken.HEAD)


@each("coding", [b"gzip, chunked", b"identity", b"chunked, chunked", b"xchunked"])
def test_other_codings_are_refused(coding: bytes) -> None:
    assert why(OK + b"Transfer-Encoding: %b\r\n\r\nx" % coding) == Broken.CODING


HEADS = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\nA: b\r\n\r\n",
    "a bare carriage return": b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n",
    "no colon": b"HTTP/1.1 200 OK\r\nhello\r\n\r\n",
}


@each("wire", HEADS.values(), HEADS.keys())
def test_a_head_that_is_none_is_refused(wire: bytes) -> None:
    assert why(wire) == Broken.HEAD
    assert why(wire, 1) == Broken.HEAD


def test_a_head_without_end_is_refused() -> None:
    assert why(OK + b"A: " + b"b" * LARGEST_HEAD, 1000) == Broken.LARGE_HEAD
    assert why(b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, 1000) == Broken.LARGE_HEAD
    assert why(OK + b"A: b\r\n" * 15_000 + b"\r\n") == Broken.LARGE_HEAD


def test_going_over_to_another_protocol_is_refused() -> None:
    wire = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
    assert why(wire) == Broken.UPGRADE


@each(
    "chunks",
    [b"3\r\nabcd\r\n", b"3\nabc\n", b" 3\r\nabc\r\n", b"-3\r\nabc\r\n", b"0x3\r\nabc\r\n", b"\r\n"],
)
def test_broken_chunks_are_refused(chunks: bytes) -> None:
    assert why(CHUNKED + chunks) == Broken.CHUNKS
    assert why(CHUNKED + chunks, 1) == Broken.CHUNKS


def test_what_stands_around_chunks_is_bounded_and_chunks_of_one_byte_are_not_too_much() -> None:
    _, body = read(CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n", 64 * 1024)
    assert len(body) == 100_000
    endless = CHUNKED + b"1;" + b"x" * 300_000
    assert why(endless, 64 * 1024) == Broken.CHUNKS
    assert why(CHUNKED + b"0\r\n" + b"A: b\r\n" * 50_000, 64 * 1024) == Broken.CHUNKS


@pytest.mark.hypothesis
@given(st.binary(max_size=300), st.integers(1, 40))
def test_whatever_an_upstream_sends_is_a_reply_or_is_malformed(wire: bytes, step: int) -> None:
    for start in (b"", OK, CHUNKED, OK + b"Content-Length: 10\r\n\r\n"):
        said = verdict(start + wire, step)
        assert said in {"", *Broken}
        assert said == verdict(start + wire, 0)


BITS = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b" ", b"\t", b"a", b":", b"\0", b"\x0b", b"\x1f", b"\x7f", b"\xff"]
)


@given(st.lists(BITS | st.binary(max_size=3), max_size=12).map(b"".join))
def test_a_head_is_unfit_by_counting_where_it_is_by_a_pattern(head: bytes) -> None:
    for raw in (head, head + b"\r\n\r\n"):
        assert is_unfit(raw) == (UNFIT.search(raw) is not None)


def verdict(wire: bytes, step: int) -> str:
    """Why it is no reply; "" where it is one."""
    try:
        read(wire, step)[0].end()
    except Malformed as broken:
        return str(broken)
    return ""


NAMES = st.sampled_from(["Date", "Server", "Content-Type", "Set-Cookie", "X-Odd", "Connection"])
VALUES = st.sampled_from(["a", "b", " close ", "keep-alive", "text/xml; charset=utf-8", "ÿ"])
DRAWN_HEADS = st.tuples(
    st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 500 No", "HTTP/1.1 204 No"]),
    st.lists(st.tuples(NAMES, VALUES).map(": ".join), max_size=4),
    st.sampled_from(["Content-Length: 3", "content-length: 0", "Content-Length: 7", "X: y"]),
).map(lambda said: "\r\n".join((said[0], *said[1], said[2], "", "")).encode("latin-1"))


@given(DRAWN_HEADS, st.sampled_from([b"", b"abc", b"abcdefg", b"abcdefgh"]), st.booleans())
def test_a_head_that_was_read_before_says_what_it_says_anew(
    head: bytes, body: bytes, to_head: bool
) -> None:
    def said() -> tuple[object, ...]:
        try:
            reader, got = read(head + body, to_head=to_head)
        except Malformed as broken:
            return (str(broken),)
        kept = reader.keep_alive, reader.done, reader.surplus
        return reader.status, reader.headers, reader.length, kept, got

    reply_reader.KEPT_HEADS.clear()
    anew = said()
    again = said()
    assert again == anew
    assert all(b"set-cookie" not in kept.lower() for kept in reply_reader.KEPT_HEADS)


def test_of_heads_a_few_short_ones_are_kept() -> None:
    for number in range(200):
        read(OK + b"Date: %d\r\nContent-Length: 0\r\n\r\n" % number)
    long = OK + b"Server: " + b"x" * 1024 + b"\r\nContent-Length: 0\r\n\r\n"
    read(long)
    assert len(reply_reader.KEPT_HEADS) == 64
    assert long not in reply_reader.KEPT_HEADS


@each(
    "line, is_kept",
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200 ", True),
        (b"HTTP/1.1 200", True),
        (b"HTTP/1.1 500 Internal Server Error", True),
        (b"HTTP/1.1 200 canary", False),
        (b"HTTP/1.1 200 Created", False),
        (b"HTTP/1.1 299 canary", False),
    ],
)
def test_of_heads_none_is_kept_that_says_what_it_likes_of_its_status(
    line: bytes, is_kept: bool
) -> None:
    head = line + b"\r\nContent-Length: 0\r\n\r\n"
    reply_reader.KEPT_HEADS.clear()
    assert read(head)[0].status == int(line[9:12])
    assert (head in reply_reader.KEPT_HEADS) is is_kept
