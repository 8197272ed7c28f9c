"""Where an HTTP/1.1 message begins and ends: bytes to a request head, a reply to bytes. Pure.

llhttp (httptools) reads the head and is strict about line ends and tokens. It is lenient on what
this module refuses itself: several or no Host, `Transfer-Encoding: gzip, chunked`, HTTP/0.9 and
2.0, RTSP and ICE, two spaces in the request line, targets that are neither a path nor an http
address. It is also silent on how long a chunk extension is and, through httptools, on where a
chunked body ends; what follows could then not be vetted, so chunks are read here.

A message that two readers could cut in two ways is Malformed, never repaired.
"""

import re
from enum import Enum, StrEnum
from functools import lru_cache
from http import HTTPStatus

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from sessiongate.errors import Malformed
from sessiongate.http.message import FixedHeaders, Reply


class Flaw(StrEnum):
    """Why what came is no request. The log and the metrics say it; the client learns no more."""

    REQUEST_LINE = "request_line"
    HEADERS = "headers"
    """A line that is none, or what Content-Length and Transfer-Encoding say of the body."""
    HOST = "host"
    CHUNKS = "chunks"


# The target is a path in visible ASCII, without a fragment, or a whole address around one (RFC
# 9112, 3.2.2): never `*` or `host:port`. What the address says is the host; nothing is fetched.
_REQUEST_LINE = re.compile(
    rb"([A-Z][A-Z-]{0,31}) (?:[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+))?"
    rb'([/?][!"$-~]*)? HTTP/1\.([01])\r\n'
)
# A name or an address, and perhaps a port (RFC 9112, 3.2; RFC 3986, 3.2.2). No client leaves the
# name out, or writes a colon and no port: whoever does means to be read in two ways.
_HOST = re.compile(
    r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})++"
    r"|\[(?=[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]++(?:%[A-Za-z0-9._~-]+)?\])(?::([0-9]{1,5}))?"
)
_HIGHEST_PORT = 65535
_LENGTH = re.compile(r"[0-9]{1,15}")
_FRAMING = frozenset({"connection", "content-length", "expect", "host", "transfer-encoding"})

# All bytes but the control characters that no head holds.
_ORDINARY = bytes(set(range(256)) - {*range(9), 11, 12, *range(14, 32), 127})


# What a header takes besides its bytes: two strings, a pair, and its place in the list. Measured:
# 145 to 162.
HEADER_COST = 160


def is_host(text: str) -> bool:
    """Whether this may stand in Host: a name or an address, and perhaps a port."""
    found = _HOST.fullmatch(text)
    return found is not None and (found[1] is None or int(found[1]) <= _HIGHEST_PORT)


class Head(msgspec.Struct, gc=False):
    """A request head, taken apart. llhttp fills in `headers`, through `on_header`."""

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = []
    length: int | None = 0
    """Bytes of body to come; None when it comes in chunks."""
    keep_alive: bool = True
    size: int = 0
    """Bytes of it that were sent."""
    takes: int = 0
    """Bytes that it takes when it is read."""
    expects_continue: bool = False
    is_old: bool = False
    """Whether it came by HTTP/1.0, which knows no chunks."""
    _authority: str | None = None
    """The host of a target that is a whole address."""
    _framing: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp. It has cut the white space before the value, not that after it."""
        header = (name.decode("ascii").lower(), value.decode("latin-1").rstrip(" \t"))
        self.headers.append(header)
        if header[0] in _FRAMING:
            self._framing.append(header)

    def settle(self, version: bytes) -> None:
        """Judge the headers that say how this message and this connection go on."""
        hosts = 0
        lengths: list[str] = []
        codings: list[str] = []
        framing, self._framing = self._framing, []
        for name, value in framing:
            if name == "host":
                hosts += 1
                # Empty where the client's own address of us has no authority (RFC 9112, 3.2).
                if value and not is_host(value):
                    raise Malformed(Flaw.HOST)
            elif name == "content-length":
                lengths.append(value)
            elif name == "transfer-encoding":
                codings.append(value.lower())
            elif name == "connection":
                if _CLOSE.search(value) is not None:
                    self.keep_alive = False
            elif value.lower() == "100-continue" and version == b"1":
                self.expects_continue = True
        if version == b"0":
            self.keep_alive = False
            self.is_old = True
            if codings:
                raise Malformed(Flaw.HEADERS)
            if hosts > 1:
                raise Malformed(Flaw.HOST)
        elif hosts != 1:
            raise Malformed(Flaw.HOST)
        if self._authority is not None:
            kept = [header for header in self.headers if header[0] != "host"]
            self.headers = [("host", self._authority), *kept]
        if codings:
            if codings != ["chunked"] or lengths:
                raise Malformed(Flaw.HEADERS)
            self.length = None
        elif lengths:
            if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
                raise Malformed(Flaw.HEADERS)
            self.length = int(lengths[0])


def read_head(raw: bytes) -> Head:
    """Read a whole head, from the method to the empty line. Raises Malformed."""
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise Malformed(Flaw.REQUEST_LINE)
    method, authority, target, version = line.groups()
    if method == b"CONNECT":
        raise Malformed(Flaw.REQUEST_LINE)  # no tunnels here
    if authority is None and target is not None and target[:1] == b"/":
        head = _to(method.decode("ascii"), target.decode("ascii"))
    elif authority is not None:
        head = _addressed(method.decode("ascii"), authority.decode("ascii"), target or b"")
    else:
        raise Malformed(Flaw.REQUEST_LINE)
    try:
        # A parser for each head costs a quarter of a microsecond, and none outlives its head:
        # idle connections hold none, and no state leaks from one message into the next.
        HttpRequestParser(head).feed_data(raw)
    except HttpParserUpgrade:
        pass  # An offer that we do not take up: the request is served as HTTP/1.1.
    except HttpParserError:
        raise Malformed(Flaw.HEADERS) from None
    head.settle(version)
    head.size = len(raw)
    head.takes = head.size + HEADER_COST * len(head.headers)
    return head


def _addressed(method: str, authority: str, target: bytes) -> Head:
    """The head of a request whose target is a whole address. An absent path is `/`."""
    if not is_host(authority):
        raise Malformed(Flaw.HOST)
    path = target.decode("ascii")
    return _to(method, path if path[:1] == "/" else f"/{path}", authority)


def _to(method: str, target: str, authority: str | None = None) -> Head:
    """A head without headers yet."""
    path, _, query = target.partition("?")
    return Head(method, path, query, _authority=authority)


def hopeless(partial: bytes | bytearray, seen: int) -> bool:
    """Whether these first bytes can never grow into a head that we accept.

    Bytes before `seen` were looked at before. A line end that is not CR LF, or a control character:
    such a head might never show the end that we wait for.
    """
    if not 0x41 <= partial[0] <= 0x5A:
        return True
    # By counting, since a pattern was measured to take 20 nanoseconds a byte: 1.3 ms a head.
    new = partial[max(0, seen - 1) :]
    ends = new.count(b"\r\n")
    broken = new.count(b"\r") - new.endswith(b"\r") > ends
    broken = broken or new.count(b"\n") - (seen > 1 and new.startswith(b"\n")) > ends
    return broken or bool(new.translate(None, _ORDINARY))


# RFC 9112 lets us bound what nobody reads. No client of these APIs sends extensions; 128 bytes
# leave room for an intermediary's signature.
_EXTENSION = 128
# Chunks of one body. Clients fill a buffer before they send one; a megabyte in single bytes would
# hold up everybody else for over a second.
_MOST_CHUNKS = 10_000
# Chunks, or lines of trailers, that are taken before others may have their turn.
_AT_ONCE = 256
# An option of a Connection header among others: to split 64 KiB of commas took 5 ms.
_CLOSE = re.compile(r"(?:^|,)[ \t]*close[ \t]*(?:,|$)", re.IGNORECASE)

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t -~\x80-\xff]{0,%d})?\r\n" % (_EXTENSION - 1))
_CHUNK_LINE_PART = re.compile(
    rb"(?:[0-9A-Fa-f]{1,15}(?:;[\t -~\x80-\xff]{0,%d})?\r?)?" % (_EXTENSION - 1)
)
_TRAILER_LINE = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*)?\r\n")


class ChunkState(Enum):
    """How far a chunked body has come."""

    MORE = "more"
    SOME = "some"
    """There is more to take, when others have had their turn."""
    DONE = "done"
    TOO_LARGE = "too large"


class Chunks:
    """A chunked body on its way. Trailers are read past and forgotten: no one may merge them."""

    __slots__ = ("_count", "_left", "_limit", "_trailer", "_trailer_limit", "body")

    def __init__(self, limit: int, trailer_limit: int) -> None:
        self.body = bytearray()
        self._count = 0
        self._limit = limit
        self._left = -2
        """Bytes of this chunk still to come; -2: a size is next; -1: the CR LF after the data."""
        self._trailer = 0
        """Bytes of trailers so far, counted from 1 once the last chunk has been seen."""
        self._trailer_limit = trailer_limit

    @property
    def exceeds(self) -> bool:
        """Whether what was announced is more than the limit; `take` must not go on then."""
        return len(self.body) + max(0, self._left) > self._limit

    def widen(self, limit: int) -> None:
        """Take so much from now on."""
        self._limit = limit

    def drain(self) -> bytes:
        """What was taken of a body that is handed on. Whoever sends it may go on for ever."""
        body = bytes(self.body)
        self.body.clear()
        self._count = 0
        return body

    def take(self, buffer: bytearray) -> ChunkState:
        """Eat what belongs to this body off the front of the buffer. Raises Malformed."""
        at = 0
        most = self._count + _AT_ONCE
        try:
            while not self._trailer:
                if self._count == most:
                    return ChunkState.SOME
                if self._left >= 0:
                    piece = buffer[at : at + self._left]
                    self.body += piece
                    at += len(piece)
                    self._left -= len(piece)
                    if self._left:
                        return ChunkState.MORE
                    self._left = -1
                if self._left == -1:
                    end = buffer[at : at + 2]
                    if end != b"\r\n":
                        if end and end != b"\r":
                            raise Malformed(Flaw.CHUNKS)
                        return ChunkState.MORE
                    at += 2
                    self._left = -2
                line = _CHUNK_LINE.match(buffer, at)
                if line is None:
                    if _CHUNK_LINE_PART.fullmatch(buffer, at) is None:
                        raise Malformed(Flaw.CHUNKS)
                    return ChunkState.MORE
                at = line.end()
                self._left = int(line[1], 16)
                self._count += 1
                if self._count > _MOST_CHUNKS:
                    raise Malformed(Flaw.CHUNKS)
                if len(self.body) + self._left > self._limit:
                    return ChunkState.TOO_LARGE
                if not self._left:
                    self._trailer = 1
            return self._skip_trailers(buffer, at)
        finally:
            # Inside _skip_trailers the buffer is cut further; this cut is of chunks only.
            if not self._trailer:
                del buffer[:at]

    def _skip_trailers(self, buffer: bytearray, at: int) -> ChunkState:
        del buffer[:at]
        for _ in range(_AT_ONCE):
            end = buffer.find(b"\n") + 1
            if self._trailer + (end or len(buffer)) > self._trailer_limit:
                raise Malformed(Flaw.CHUNKS)
            if not end:
                if b"\r" in buffer[:-1] or b"\0" in buffer:
                    raise Malformed(Flaw.CHUNKS)
                return ChunkState.MORE
            if _TRAILER_LINE.fullmatch(buffer, 0, end) is None:
                raise Malformed(Flaw.CHUNKS)
            del buffer[:end]
            self._trailer += end
            if end == 2:
                return ChunkState.DONE
        return ChunkState.SOME


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Ours to write: a second copy would let two readers cut our reply in two ways.
_OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding"})
_STATUS_LINES = {
    s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\nDate: " for s in HTTPStatus if s.value >= 200
}


@lru_cache(maxsize=256)
def _is_header_name(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None and name.lower() not in _OURS


def write_reply(reply: Reply, date: str, *, close: bool, without_body: bool) -> bytes:
    """The bytes of a reply. Raises ValueError on whatever could split it or break its framing.

    `without_body` is for HEAD: the length is told, the body is kept.
    """
    if reply.status in (204, 304):
        return _head(reply, date, "", close=close)
    head = _head(reply, date, f"\r\nContent-Length: {len(reply.body)}", close=close)
    return head if without_body else head + reply.body


class Framing(Enum):
    """How a body says where it ends that is handed on as it comes."""

    NONE = "there is none"
    LENGTH = "by its length"
    CHUNKS = "in chunks"
    CLOSE = "by the end of the connection"


def framing_of(head: Head, status: int, length: int | None) -> Framing:
    """How the body of a reply to this head is framed that comes in pieces."""
    if status in (204, 304) or head.method == "HEAD":
        return Framing.NONE
    if length is not None:
        return Framing.LENGTH
    return Framing.CLOSE if head.is_old else Framing.CHUNKS


def write_head(
    reply: Reply, date: str, length: int | None, framing: Framing, *, close: bool
) -> bytes:
    """The head of a reply whose body follows in pieces. Raises ValueError as `write_reply` does."""
    line = ""
    if length is not None and reply.status not in (204, 304):
        line = f"\r\nContent-Length: {length}"
    elif framing is Framing.CHUNKS:
        line = "\r\nTransfer-Encoding: chunked"
    return _head(reply, date, line, close=close)


def _head(reply: Reply, date: str, framing: str, *, close: bool) -> bytes:
    status, headers = reply.status, reply.headers
    line = _STATUS_LINES.get(status) or _status_line(status)
    lines = headers.written if type(headers) is FixedHeaders else ""
    if not lines:
        lines = _lines(headers)
        if type(headers) is FixedHeaders:
            headers.written = lines
    end = "\r\nConnection: close\r\n\r\n" if close else "\r\n\r\n"
    return f"{line}{reply.date or date}{framing}{lines}{end}".encode("latin-1")


def _status_line(status: int) -> str:
    if not 200 <= status <= 599:
        raise ValueError("the status is not that of a final reply")
    return f"HTTP/1.1 {status} \r\nDate: "


def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    lines = ""
    for name, value in headers:
        if not _is_header_name(name):
            raise ValueError("a header name is not a token, or is the server's to write")
        # isprintable() is the quick answer; it also says no to a few harmless characters.
        if not value.isprintable() and _UNFIT.search(value) is not None:
            raise ValueError("a header value holds a control character")
        lines += f"\r\n{name}: {value}"
    return lines
