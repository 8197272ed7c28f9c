"""Where an upstream's reply begins and ends: bytes to a head and pieces of a body.

llhttp (httptools) reads the lines of the head and takes chunks apart. It is lenient on what this
module refuses itself: bare line feeds, folded lines, several lengths, a length beside chunks, other
codings than chunked. A reply that two readers could cut in two ways is Malformed, never repaired:
what followed it on the connection could be taken for the reply to somebody else's request.
"""

import re
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from sessiongate.errors import Malformed

LARGEST_HEAD = 64 * 1024
"""Bytes, with those of interim replies. Real ones have a few hundred."""

# Sizes and ends of chunks, extensions and trailers: so many bytes, and so many for each of the
# body. Chunks of one byte have five around each.
_FREE_AROUND = 64 * 1024
_AROUND_A_BYTE = 8

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t -~\x80-\xff]*)?\r\n")
_LENGTH = re.compile(r"[0-9]{1,15}")

UNFIT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n|\r\n[ \t]")
"""What no head holds: control characters, line feeds and carriage returns by themselves, and lines
that go on in the next one. `is_unfit` says the same of a whole head."""

_ORDINARY = bytes(set(range(256)) - {*range(9), 11, 12, *range(14, 32), 127})

# Heads of final replies that were read lately: an upstream says the same of nearly all replies of
# one second. Kept are short ones that hold nothing but what these names say, none of it a secret,
# and the usual phrase of their status or none: it may be any text.
_MOST_HEADS, _LONGEST_HEAD_KEPT = 64, 1024
_BEFORE_PHRASE = len(b"HTTP/1.1 200")
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_SECRETS = frozenset(
    {
        *("accept-ranges", "cache-control", "connection", "content-encoding", "content-language"),
        *("content-length", "content-security-policy", "content-type", "date", "expires"),
        *("keep-alive", "last-modified", "pragma", "server", "strict-transport-security", "vary"),
        *("x-content-type-options", "x-frame-options", "x-xss-protection"),
    }
)


class Broken(StrEnum):
    """Why what came is no reply. It may stand in a log: it holds nothing that was sent."""

    HEAD = "its head cannot be read"
    LARGE_HEAD = f"its head has more than {LARGEST_HEAD} bytes"
    LENGTH = "its length is said in two ways"
    CODING = "its transfer coding is not known"
    CHUNKS = "its chunks are broken"
    UPGRADE = "it goes over to another protocol"
    CUT = "it stops before its end"


class KeptHead(NamedTuple):
    """A head by which a reply ends with its length."""

    status: int
    headers: tuple[tuple[str, str], ...]
    length: int
    keep_alive: bool


KEPT_HEADS: dict[bytes, KeptHead] = {}
"""By their bytes; the oldest leave first."""


class ReplyReader:
    """The reply to one request. `feed` takes what came and returns the pieces of body in it."""

    __slots__ = (
        "_around",
        "_buffer",
        "_left",
        "_lines",
        "_parser",
        "_tail",
        "_to_head",
        "done",
        "headers",
        "keep_alive",
        "length",
        "status",
        "surplus",
    )

    def __init__(self, *, to_head: bool = False) -> None:
        """`to_head`: the request was HEAD, so that the reply ends with its head."""
        self.status = 0
        """0 until the head is whole."""
        self.headers: tuple[tuple[str, str], ...] = ()
        """Names in lower case, values as Latin-1 text."""
        self.length: int | None = None
        """Bytes of body that were announced. None: it comes in chunks, or until the end."""
        self.keep_alive = True
        """Whether another request may follow on the connection."""
        self.done = False
        self.surplus = False
        """Whether bytes came after the reply."""
        self._to_head = to_head
        self._buffer: bytearray | None = None
        """What has come of a head that is not whole."""
        self._around = 0
        self._left = 0
        self._lines: _Lines | None = None
        self._parser: HttpResponseParser | None = None
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came. Raises Malformed with a `Broken`."""
        if self.done:
            self.surplus = self.surplus or bool(data)
            return []
        if not self.status:
            data = self._kept_head(data)
            if not self.status:
                return []
            if self.done:
                self.surplus = bool(data)
                return []
        if self._parser is not None:
            return self._chunks(self._parser, data)
        if self.length is not None:
            left = self._left - len(data)
            if left < 0:
                self.surplus = True
                data = data[: self._left]
                left = 0
            self._left = left
            self.done = not left
        return [data] if data else []

    def end(self) -> None:
        """The connection has ended. Raises Malformed where the reply has not."""
        if not self.done and (not self.status or self.length is not None or self._parser):
            raise Malformed(Broken.CUT)
        self.done = True

    def _kept_head(self, data: bytes) -> bytes:
        """The same as `_head`, where a head of these very bytes was read before."""
        if self._buffer is not None or self._around or self._to_head:
            return self._head(data)
        end = data.find(b"\r\n\r\n") + 4
        kept = KEPT_HEADS.get(data[:end])
        if kept is None:
            return self._head(data)
        self.status, self.headers, length, self.keep_alive = kept
        self.length = self._left = length
        self.done = not length
        return data[end:]

    def _head(self, data: bytes) -> bytes:
        """Look for the end of the head, past interim ones. Returns what follows it."""
        buffer = self._buffer
        if buffer is None:
            buffer = self._buffer = bytearray()
        seen = max(0, len(buffer) - 3)
        buffer += data
        while (end := buffer.find(b"\r\n\r\n", seen) + 4) > 3:
            raw = bytes(buffer[:end])
            del buffer[:end]
            self._around += end
            status = self._judged(raw)
            if status == 101:
                raise Malformed(Broken.UPGRADE)
            if status >= 200:
                self._settle(raw, status)
                self._around, self._buffer = 0, None
                return bytes(buffer)
            seen = 0
        if self._around + len(buffer) > LARGEST_HEAD:
            raise Malformed(Broken.LARGE_HEAD)
        # A line that has not ended may still be a good one.
        if UNFIT.search(buffer.removesuffix(b"\r"), max(0, seen - 1)) is not None:
            raise Malformed(Broken.HEAD)
        return b""

    def _judged(self, raw: bytes) -> int:
        """The status of a head that holds nothing unfit."""
        if self._around > LARGEST_HEAD:
            raise Malformed(Broken.LARGE_HEAD)
        line = _STATUS_LINE.match(raw)
        if line is None or is_unfit(raw):
            raise Malformed(Broken.HEAD)
        return int(line[2])

    def _settle(self, raw: bytes, status: int) -> None:
        """Read a final head, and judge the headers that say how the reply goes on."""
        lines = self._lines = _Lines()
        parser = HttpResponseParser(lines)
        try:
            parser.feed_data(raw)
        except (HttpParserError, HttpParserUpgrade):
            raise Malformed(Broken.HEAD) from None
        lengths: list[str] = []
        codings: list[str] = []
        options = ""
        headers = tuple(
            [
                (name.decode("ascii").lower(), value.rstrip(b" \t").decode("latin-1"))
                for name, value in lines.headers
            ]
        )
        for name, value in headers:
            if name == "content-length":
                lengths.append(value)
            elif name == "transfer-encoding":
                codings.append(value.lower())
            elif name == "connection":
                options += f",{value.lower()}"
        first = raw.startswith(b"HTTP/1.1")
        self.keep_alive = first and "close" not in map(str.strip, options.split(","))
        if len(lengths) + len(codings) > 1 or (codings and not first):
            raise Malformed(Broken.LENGTH)
        if lengths and _LENGTH.fullmatch(lengths[0]) is None:
            raise Malformed(Broken.LENGTH)
        if codings and codings != ["chunked"]:
            raise Malformed(Broken.CODING)
        self.status, self.headers = status, headers
        if self._to_head or status in (204, 304):
            self.length = int(lengths[0]) if lengths else None
            self.done = True
        elif codings:
            self._parser = parser
        elif lengths:
            self.length = self._left = int(lengths[0])
            self.done = not self._left
            _keep(raw, KeptHead(status, headers, self.length, self.keep_alive))
        else:
            self.keep_alive = False  # it goes on until the connection ends

    def _chunks(self, parser: HttpResponseParser, data: bytes) -> list[bytes]:
        lines = self._lines
        assert lines is not None  # noqa: S101  it has a parser, which was made with them
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not lines.complete:
                raise Malformed(Broken.CHUNKS) from None
            lines.again = True
        pieces, lines.pieces = lines.pieces, []
        # llhttp passes over empty lines between two messages.
        self._tail = (self._tail + data[-6:])[-6:]
        lines.again = lines.again or self._tail == b"\r\n\r\n\r\n"
        size = sum(map(len, pieces))
        self._around += len(data) - size * (1 + _AROUND_A_BYTE)
        if self._around > _FREE_AROUND and not lines.complete:
            raise Malformed(Broken.CHUNKS)
        self.done, self.surplus = lines.complete, lines.again
        return pieces


def _keep(raw: bytes, head: KeptHead) -> None:
    """Keep a head that may come again, and names nothing that could be a secret."""
    if len(raw) > _LONGEST_HEAD_KEPT or not _NO_SECRETS.issuperset(dict(head.headers)):
        return
    phrase = raw[_BEFORE_PHRASE : raw.index(b"\r")].strip(b" ")
    if phrase and phrase != _PHRASES.get(head.status):
        return
    if len(KEPT_HEADS) >= _MOST_HEADS:
        del KEPT_HEADS[next(iter(KEPT_HEADS))]
    KEPT_HEADS[raw] = head


def is_unfit(raw: bytes) -> bool:
    """Whether a whole head holds what none does.

    By counting: the pattern was measured to take 20 nanoseconds a byte, four microseconds a head.
    """
    ends = raw.count(b"\r\n")
    broken = raw.count(b"\r") != ends or raw.count(b"\n") != ends
    folded = b"\r\n " in raw or b"\r\n\t" in raw
    return broken or folded or bool(raw.translate(None, _ORDINARY))


class _Lines:
    """What llhttp has found."""

    __slots__ = ("_begun", "again", "complete", "headers", "pieces")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.complete = False
        self.again = False
        """Whether something has begun after the message."""
        self._begun = False

    def on_message_begin(self) -> None:
        self.again = self._begun
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, piece: bytes) -> None:
        if not self.complete:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.complete = True
