"""Where messages begin and end, without a socket."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.http.framing import Chunks, ChunkState, Flaw, hopeless, read_head, write_reply
from sessiongate.http.message import Reply
from tests.each import each

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


def whole(chunks: Chunks, buffer: bytearray) -> ChunkState:
    """Take all that has come."""
    while (took := chunks.take(buffer)) is ChunkState.SOME:
        pass
    return took


def take(
    wire: bytes, step: int, limit: int = 1000, trailers: int = 1000
) -> tuple[ChunkState, bytes]:
    """Feed a chunked body in pieces of this size. Says how it went, and the body."""
    chunks = Chunks(limit, trailers)
    buffer = bytearray()
    for at in range(0, len(wire), step):
        buffer += wire[at : at + step]
        took = whole(chunks, buffer)
        if took is not ChunkState.MORE:
            return took, bytes(chunks.body)
    return ChunkState.MORE, bytes(chunks.body)


def test_a_head_is_taken_apart() -> None:
    head = read_head(b"PUT /a%2Fb?c=d?e HTTP/1.1\r\nHost: x\r\nX-Y: \t\xe9 \t \r\nX-y:\r\n\r\n")
    assert (head.method, head.path, head.query) == ("PUT", "/a%2Fb", "c=d?e")
    assert head.headers == [("host", "x"), ("x-y", "é"), ("x-y", "")]
    assert head.keep_alive
    assert head.length == 0


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close", "close\t, te"])
def test_close_is_read_from_a_list(value: str) -> None:
    assert not read_head(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: %b\r\n\r\n" % value.encode()
    ).keep_alive


def test_http_1_0_closes_and_needs_no_host() -> None:
    assert not read_head(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive


@pytest.mark.parametrize(
    "host",
    [
        *(b"x/../admin?", b"a b", b"a@b", b"a\\b", b"a,b/c", b"a#b", b"a%zz", b"a\tb"),
        *(
            b"vc2.test:443:443",
            b"vc2.test::443",
            b"vc2.test:0x1",
            b"vc2.test:+443",
            b"vc2.test:4 3",
        ),
        *(b"vc2.test:", b"vc2.test:65536", b"vc2.test:000443", b":443", b":"),
        *(b"::1", b"[::1", b"::1]", b"[::1]443", b"[::1]:", b"[vc2.test]", b"[]", b"vc2[.test]"),
    ],
)
@pytest.mark.parametrize("version", [b"0", b"1"])
def test_a_host_that_is_no_host_is_refused(host: bytes, version: bytes) -> None:
    """RFC 9112, 3.2: what is no name or address, with or without a port, is 400."""
    with pytest.raises(Malformed, match=Flaw.HOST):
        read_head(b"GET / HTTP/1.%b\r\nHost: %b\r\n\r\n" % (version, host))


@pytest.mark.parametrize(
    "authority", [b"vc2.test:443:443", b"vc2.test:", b":443", b"a:0x1", b"[a]"]
)
def test_a_whole_address_of_no_host_is_refused(authority: bytes) -> None:
    with pytest.raises(Malformed, match=Flaw.HOST):
        read_head(b"GET http://%b/sdk HTTP/1.1\r\nHost: x\r\n\r\n" % authority)


def test_a_long_host_is_read_in_one_pass() -> None:
    """None of these letters is tried a second time, however they may be grouped."""
    long = b"a%41" * 15_000
    with pytest.raises(Malformed, match=Flaw.HOST):
        read_head(b"GET / HTTP/1.1\r\nHost: %b?\r\n\r\n" % long)


@pytest.mark.parametrize(
    "host",
    [b"a_b:8", b"[::1]:9669", b"[fe80::1%25eth0]", b"10.0.0.1", b"x.:443", b"x:00443", b"%41"],
)
def test_a_host_is_accepted(host: bytes) -> None:
    assert read_head(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host).path == "/"


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"CHUNKED", b"cHuNkEd "])
def test_the_name_of_a_coding_has_no_case(coding: bytes) -> None:
    head = read_head(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: %b\r\n\r\n" % coding)
    assert head.length is None


@pytest.mark.parametrize(
    "line",
    [b"EXPECT: 100-Continue", b"Expect: 100-CONTINUE", b"expect:100-continue"],
)
def test_an_expectation_has_no_case(line: bytes) -> None:
    assert read_head(b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % line).expects_continue


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"http://gate.example.com/sdk", "gate.example.com", "/sdk", ""),
        (b"HTTPS://Gate:9669/a%2F?b=c?d", "Gate:9669", "/a%2F", "b=c?d"),
        (b"http://gate", "gate", "/", ""),
        (b"http://gate?a", "gate", "/", "a"),
        (b"http://[::1]:80//sdk", "[::1]:80", "//sdk", ""),
        (b"http://169.254.169.254/v1/session", "169.254.169.254", "/v1/session", ""),
    ],
)
def test_a_target_may_be_a_whole_address(target: bytes, host: str, path: str, query: str) -> None:
    """RFC 9112, 3.2.2: its host counts, and what Host says does not."""
    for version, other in ((b"1", b"Host: other\r\n"), (b"0", b"Host: other\r\n"), (b"0", b"")):
        head = read_head(b"GET %b HTTP/1.%b\r\nX-A: b\r\n%b\r\n" % (target, version, other))
        assert (head.path, head.query) == (path, query)
        assert head.headers == [("host", host), ("x-a", "b")]


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: a\r\n", b"Host: a b\r\n"])
def test_a_whole_address_mends_no_broken_host(hosts: bytes) -> None:
    with pytest.raises(Malformed, match=Flaw.HOST):
        read_head(b"GET http://gate/ HTTP/1.1\r\n%b\r\n" % hosts)


@given(st.binary(), st.binary())
def test_any_bytes_are_a_head_or_malformed(start: bytes, rest: bytes) -> None:
    """Whatever comes, it is read or refused by one error; and a target is a visible path."""
    end = b" HTTP/1.1\r\nHost: x\r\n" + rest + b"\r\n\r\n"
    for raw in (start + rest, b"GET /" + start + end, b"GET http://x" + start + end):
        try:
            head = read_head(raw)
        except Malformed:
            continue
        assert head.path.startswith("/")
        assert all("!" <= sign <= "~" and sign != "#" for sign in head.path + head.query)
        assert not any(sign in value for _, value in head.headers for sign in "\r\n\0")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_chunks_are_joined_and_trailers_forgotten(step: int) -> None:
    wire = b"5;a=b\r\nhello\r\n1\r\n \r\n005\r\nworld\r\n0\r\nX: y\r\nHost: z\r\n\r\n"
    assert take(wire, step) == (ChunkState.DONE, b"hello world")


def test_what_follows_the_body_stays() -> None:
    buffer = bytearray(b"1\r\na\r\n0\r\n\r\nGET /")
    assert Chunks(10, 10).take(buffer) is ChunkState.DONE
    assert buffer == b"GET /"


@pytest.mark.parametrize("step", [1, 4, 1000])
def test_a_body_just_at_the_limit_fits(step: int) -> None:
    assert take(b"4\r\nabcd\r\n0\r\n\r\n", step, limit=4)[0] is ChunkState.DONE
    assert take(b"5\r\nabcde\r\n0\r\n\r\n", step, limit=4)[0] is ChunkState.TOO_LARGE
    assert take(b"4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n", step, limit=4)[0] is ChunkState.TOO_LARGE


def test_sec_47_the_number_of_chunks_is_bounded() -> None:
    """A megabyte in single bytes held up every other client for over a second."""
    end = b"0\r\n\r\n"
    chunks = Chunks(1024 * 1024, 1024)
    assert whole(chunks, bytearray(b"1\r\nx\r\n" * 9_999 + end)) is ChunkState.DONE
    assert len(chunks.body) == 9_999
    with pytest.raises(Malformed, match=Flaw.CHUNKS):
        whole(Chunks(1024 * 1024, 1024), bytearray(b"1\r\nx\r\n" * 10_001))


@pytest.mark.parametrize(
    "many", [b"1\r\nx\r\n" * 9_999, b"0\r\n" + b"a:\r\n" * 9_999], ids=["chunks", "trailers"]
)
def test_sec_73_only_some_chunks_are_taken_at_once(many: bytes) -> None:
    chunks = Chunks(1024 * 1024, 1024 * 1024)
    rest = bytearray(many)
    assert chunks.take(rest) is ChunkState.SOME
    assert len(rest) > len(many) * 0.9


def test_a_size_is_refused_before_its_data_comes() -> None:
    assert take(b"ffffffffffff\r\n", 1000)[0] is ChunkState.TOO_LARGE


BAD_CHUNKS = {
    "no size": b"\r\n\r\n",
    "bare lf after size": b"5\nhello\r\n0\r\n\r\n",
    "bare lf after data": b"5\r\nhello\n0\r\n\r\n",
    "bare lf after last": b"0\n\r\n",
    "bare lf at end": b"0\r\n\n",
    "bare lf in trailer": b"0\r\nX: a\n\r\n",
    "bare cr in trailer": b"0\r\nX: a\rb\r\n\r\n",
    "bare cr after size": b"5\rhello\r\n0\r\n\r\n",
    "bare cr in extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "bare lf in extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "space before extension": b"5 ;a\r\nhello\r\n0\r\n\r\n",
    "space before size": b" 5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\nhello\r\n0\r\n\r\n",
    "data too long": b"5\r\nhelloX\r\n0\r\n\r\n",
    "size too long": b"0" * 16 + b"\r\n\r\n",
    "long extension": b"5;" + b"a" * 128 + b"\r\nhello\r\n0\r\n\r\n",
    "fold in trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"0\r\nX : a\r\n\r\n",
    "NUL in trailer": b"0\r\nX: \0\r\n\r\n",
}


@each("step", [1, 1000])
@each("name", BAD_CHUNKS)
def test_bad_chunks_are_malformed(name: str, step: int) -> None:
    with pytest.raises(Malformed):
        take(BAD_CHUNKS[name], step)


@pytest.mark.parametrize("step", [1, 1000])
def test_long_trailers_are_malformed(step: int) -> None:
    wire = b"0\r\n" + b"X: aaaaaaaaaa\r\n" * 20 + b"\r\n"
    assert take(wire, step)[0] is ChunkState.DONE
    with pytest.raises(Malformed):
        take(wire, step, trailers=200)


@given(st.lists(st.binary(min_size=1), max_size=20), st.integers(1, 50))
def test_what_was_chunked_is_read(pieces: list[bytes], step: int) -> None:
    wire = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    assert take(wire, step, limit=10_000) == (ChunkState.DONE, b"".join(pieces))


@given(st.binary(), st.integers(1, 9))
def test_any_bytes_are_chunks_or_malformed(wire: bytes, step: int) -> None:
    """How the bytes were cut on their way never matters."""

    def outcome(step: int) -> object:
        try:
            return take(wire, step)
        except Malformed:
            return Malformed

    assert (outcome(step) is Malformed) == (outcome(1000) is Malformed)


@pytest.mark.parametrize(
    "partial", [b"\x16\x03\x01", b"GET / HTTP/1.1\nH", b"GET /\0", b"get", b"G\rE"]
)
def test_some_beginnings_are_hopeless(partial: bytes) -> None:
    assert hopeless(partial, 0)


@pytest.mark.parametrize("partial", [b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost"])
def test_others_are_not(partial: bytes) -> None:
    assert not hopeless(partial, 0)


def test_a_reply_is_written() -> None:
    reply = Reply(200, (("X-A", "é"),), b"body")
    assert write_reply(reply, DATE, close=True, without_body=False) == (
        b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 4\r\n"
        b"X-A: \xe9\r\nConnection: close\r\n\r\nbody"
    )


@pytest.mark.parametrize("status", [204, 304])
def test_some_replies_have_neither_body_nor_length(status: int) -> None:
    written = write_reply(Reply(status, (), b"x"), DATE, close=False, without_body=False)
    assert b"ength" not in written
    assert written.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, -1])
def test_only_final_statuses_are_written(status: int) -> None:
    with pytest.raises(ValueError):
        write_reply(Reply(status), DATE, close=False, without_body=False)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", "a\r\nb", "é", "Content-Length", "transfer-encoding", "Date"]
)
def test_a_header_name_is_a_token_and_not_the_servers_own(name: str) -> None:
    with pytest.raises(ValueError):
        write_reply(Reply(200, ((name, "v"),)), DATE, close=False, without_body=False)


@given(st.text() | st.text(st.sampled_from("aé\r\n\0\t :Ā\x85\u2028")), st.integers(0, 2))
def test_sec_42_no_value_splits_a_head(value: str, place: int) -> None:
    """Whatever text a reply carries, the head keeps its lines, or there is no head at all."""
    headers = [("X-A", "1"), ("X-B", "2"), ("X-C", "3")]
    headers[place] = (headers[place][0], value)
    try:
        written = write_reply(
            Reply(200, tuple(headers), b"body"), DATE, close=False, without_body=False
        )
    except ValueError:
        return
    head, _, body = written.partition(b"\r\n\r\n")
    assert body == b"body"
    lines = head.split(b"\r\n")
    assert lines[3:] == [f"{name}: {text}".encode("latin-1") for name, text in headers]
    assert head.count(b"\r") == head.count(b"\n") == 5
    assert b"\0" not in head


def test_a_connection_header_may_name_many_options() -> None:
    for many in ("a," * 10_000, "," * 10_000, " ,\t" * 10_000):
        for value, kept in ((f"{many}close", False), (f"{many} Close ,a", False), (many, True)):
            head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection:%b\r\n\r\n" % value.encode()
            assert read_head(head).keep_alive is kept
    assert read_head(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed, a-close\r\n\r\n").keep_alive


# What a head never holds: a line end that is not CR LF, or a control character.
NEVER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")


@given(st.lists(st.text("\r\n:\x00 \xff", min_size=1, max_size=4), min_size=1, max_size=6))
def test_a_head_that_never_ends_is_hopeless_as_soon_as_it_shows(pieces: list[str]) -> None:
    partial, seen = b"G", 0
    for piece in pieces:
        partial += piece.encode("latin-1")
        never = NEVER.search(partial) is not None
        assert hopeless(partial, seen) == never
        if never:
            break
        seen = len(partial)
