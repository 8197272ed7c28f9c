"""What has come over a connection and is no request yet: bytes in, heads and bodies out.

No socket and no clock. How much may be held, and for whom, the connection decides.
"""

from enum import Enum

from sessiongate.errors import Malformed
from sessiongate.http.framing import Chunks, ChunkState, Flaw, Head, hopeless, read_head
from sessiongate.http.ordinary_head import read_ordinary


class BufferState(Enum):
    """What there is instead of a head or a body."""

    MORE = "more must come first"
    SOME = "there is more to take"
    LINE = "an empty line, which was passed over"
    TOO_LARGE = "larger than allowed"
    TOO_MANY = "more lines than allowed"


_OF_CHUNKS = {
    ChunkState.MORE: BufferState.MORE,
    ChunkState.SOME: BufferState.SOME,
    ChunkState.TOO_LARGE: BufferState.TOO_LARGE,
}

# A head of at most so many bytes is kept until the next one comes, so that it is read once where a
# known caller sends the same again and again, as all do that poll. Reading one takes 5 microseconds
# of the 30 of a small request.
_KEPT = 1024

_ENDLESS = 1 << 62

# `a:` with its end. So fewer bytes need not be counted.
_SHORTEST_LINE = 4


class RequestBuffer:
    """The bytes of one connection. While `head` is set, its body is on its way."""

    __slots__ = (
        *("_kept", "_left", "_lines", "_raw", "_seen", "allowed", "chunks", "head", "keeps"),
        "rest",
    )

    def __init__(self) -> None:
        self.rest: bytes | bytearray = b""
        """What has come and was not taken."""
        self.head: Head | None = None
        self.chunks: Chunks | None = None
        """The body, where it comes in chunks."""
        self.allowed = 0
        """How large the body on its way may be."""
        self.keeps = False
        """Whether the last head is kept. Not for strangers, who could have us hold many."""
        self._raw = b""
        """Its bytes."""
        self._kept: Head | None = None
        """The head that they are: nobody changes it."""
        self._seen = 0
        """Bytes of a head on its way that were looked at."""
        self._lines = 0
        """Ends of lines among them."""
        self._left = 0
        """Bytes to come of a body that is handed on, if it has a length."""

    def add(self, data: bytes) -> None:
        """Bytes have come."""
        if not self.rest:
            self.rest = data
        else:
            if not isinstance(self.rest, bytearray):
                self.rest = bytearray(self.rest)
            self.rest += data

    def take_head(self, most_bytes: int, most_headers: int) -> Head | BufferState:
        """The next head, within these limits. Raises Malformed. Something must have come."""
        rest, seen = self.rest, self._seen
        if self._kept is not None and not seen and rest.startswith(self._raw):
            if len(self._raw) > most_bytes:
                return BufferState.TOO_LARGE
            self._eat(len(self._raw))
            return self._kept
        if rest[0] == 0x0D and len(rest) > 1 and rest[1] == 0x0A:
            self._eat(2)  # RFC 9112, 2.2: some clients send an empty line after a body.
            return BufferState.LINE
        end = rest.find(b"\r\n\r\n", seen - 3 if seen > 3 else 0) + 4
        whole = end > 3
        if not whole:
            end = len(rest)
        if end > most_bytes:
            return BufferState.TOO_LARGE
        if end > _SHORTEST_LINE * most_headers or not whole:
            # Counted before they are read: to read 16,000 takes a hundred times as long.
            self._lines += rest.count(b"\n", seen, end)
            if self._lines > most_headers + 2:
                return BufferState.TOO_MANY
            if not whole:
                if rest != b"\r" and hopeless(rest, seen):
                    raise Malformed(Flaw.HEADERS)
                self._seen = end
                return BufferState.MORE
            self._lines = 0
        raw = self._eat(end)
        head = read_ordinary(raw) or read_head(raw)
        self._seen = 0
        if self.keeps and end <= _KEPT and not head.expects_continue:
            self._raw, self._kept = raw, head
        return head

    def expect(self, head: Head, allowed: int, trailer_limit: int) -> None:
        """The body of this head is next, of at most so many bytes for now."""
        self.head = head
        self.allowed = allowed
        if head.length is None:
            self.chunks = Chunks(allowed, trailer_limit)

    def expect_pieces(self, head: Head, trailer_limit: int) -> None:
        """The body of this head is next, and is taken in pieces: as long as it is."""
        self.head = head
        self._left = head.length or 0
        if head.length is None:
            self.chunks = Chunks(_ENDLESS, trailer_limit)

    def take_piece(self) -> bytes:
        """What has come of the body; with its last `head` is None again. Raises Malformed."""
        if self.chunks is None:
            piece = self._eat(min(self._left, len(self.rest)))
            self._left -= len(piece)
            over = not self._left
        else:
            if not isinstance(self.rest, bytearray):
                self.rest = bytearray(self.rest)
            over = self.chunks.take(self.rest) is ChunkState.DONE
            piece = self.chunks.drain()
        if over:
            self.head = self.chunks = None
        return piece

    def allow(self, most: int) -> bool:
        """Allow so many bytes. False where it is known already that the body is larger."""
        self.allowed = most
        if self.chunks is None:
            return True
        self.chunks.widen(most)
        return not self.chunks.exceeds

    @property
    def begun(self) -> bytes | bytearray:
        """What has come of the body."""
        return bytes(self.rest) if self.chunks is None else self.chunks.body + self.rest

    def take_small(self, length: int) -> bytes | None:
        """The whole body, where it has come with its head, as most do."""
        return self._eat(length) if length <= len(self.rest) else None

    def take_body(self) -> bytes | BufferState:
        """The whole body; then `head` is None again. Raises Malformed.

        It is TOO_LARGE once as much as is allowed has come, or a chunk of it is told to be more.
        """
        if self.chunks is None:
            length = (self.head.length or 0) if self.head is not None else 0
            has_come = len(self.rest)
            if length > self.allowed and has_come >= self.allowed:
                return BufferState.TOO_LARGE
            if has_come < length:
                return BufferState.MORE
            body = self._eat(length)
        elif self.chunks.exceeds:
            return BufferState.TOO_LARGE
        else:
            if not isinstance(self.rest, bytearray):
                self.rest = bytearray(self.rest)
            took = self.chunks.take(self.rest)
            if took is not ChunkState.DONE:
                return _OF_CHUNKS[took]
            body = bytes(self.chunks.body)
            self.chunks = None
        self.head = None
        return body

    def clear(self) -> None:
        """Hold nothing any more."""
        self.rest = self._raw = b""
        self.chunks = None
        self.head = self._kept = None

    def _eat(self, count: int) -> bytes:
        """Take the first bytes of what has come."""
        rest = self.rest
        if count == len(rest):  # all of it, as nearly always
            self.rest = b""
            return bytes(rest)
        if not isinstance(rest, bytearray):
            self.rest = rest = bytearray(rest)
        eaten = bytes(rest[:count])
        del rest[:count]
        return eaten
