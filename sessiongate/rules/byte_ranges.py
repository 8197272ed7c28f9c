"""Ranges of a file, asked for with what stands around them, and cut to what the client wants.

What may not be shown of a file could otherwise be had in two halves, by ranges that end in its
middle. RFC 9110, 14: one range of bytes is read here; a server may always send the whole file.
"""

import re
from collections.abc import Iterable

import msgspec

from sessiongate.errors import Malformed

Headers = tuple[tuple[str, str], ...]

_DIGITS = r"[0-9]{1,18}"
_RANGE = re.compile(rf"(?i:bytes)=({_DIGITS})?-({_DIGITS})?")
_TOLD = re.compile(rf"(?i:bytes) ({_DIGITS})-({_DIGITS})/({_DIGITS})")


class FilePart(msgspec.Struct, frozen=True):
    """A part of a file: its first byte, its last one, and how long the whole file is."""

    first: int
    last: int
    whole: int

    @property
    def length(self) -> int:
        """How many bytes it has; 0 where nothing of the file is in it."""
        return max(0, self.last - self.first + 1)

    @property
    def content_range(self) -> str:
        """The value of `Content-Range`; that of a 416 where nothing of the file is in it."""
        return f"bytes {self.first}-{self.last}/{self.whole}" if self.length else self.none

    @property
    def none(self) -> str:
        """The value of `Content-Range` in a 416."""
        return f"bytes */{self.whole}"


class WantedRange(msgspec.Struct, frozen=True):
    """The range that a client wants. With no `first` the last so many bytes."""

    first: int | None
    last: int | None

    def widened(self, margin: int) -> str:
        """`Range` with so many bytes more on each side."""
        last = "" if self.last is None else str(self.last + margin)
        first = "" if self.first is None else str(max(0, self.first - margin))
        return f"bytes={first}-{last}"

    def of(self, part: FilePart) -> FilePart:
        """What the client wants of a part that has come. Raises Malformed where that is not all."""
        if self.first is None:
            first = max(0, part.whole - (self.last or 0))
            last = part.whole - 1
        else:
            first = self.first
            last = part.whole - 1 if self.last is None else min(self.last, part.whole - 1)
        wanted = FilePart(first, last, part.whole)
        if wanted.length and not part.first <= first <= last <= part.last:
            raise Malformed("a part of the file is not the one that was asked for")
        return wanted


class RangeCut:
    """What the client wants of a part that comes in pieces."""

    def __init__(self, part: FilePart, wanted: FilePart) -> None:
        self._skip = wanted.first - part.first if wanted.length else 0
        self._left = wanted.length

    @property
    def done(self) -> bool:
        """Whether the client has all of it."""
        return not self._left

    def of(self, piece: bytes) -> bytes:
        """What of the next piece goes on."""
        found = piece[self._skip : self._skip + self._left]
        self._skip = max(0, self._skip - len(piece))
        self._left -= len(found)
        return found


def read(text: str) -> WantedRange | None:
    """What a `Range` asks for; None for what is no single range of bytes."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or found[1] is found[2] is None:
        return None
    first, last = (None if one is None else int(one) for one in found.groups())
    return (
        None
        if first is not None and last is not None and last < first
        else WantedRange(first, last)
    )


def read_content_range(headers: Iterable[tuple[str, str]]) -> FilePart:
    """Read the `Content-Range` of a reply. Raises Malformed."""
    values = [value for name, value in headers if name == "content-range"]
    found = _TOLD.fullmatch(values[0]) if len(values) == 1 else None
    part = FilePart(*map(int, found.groups())) if found is not None else None
    if part is None or not part.first <= part.last < part.whole:
        raise Malformed("a part of a file that does not say which one it is")
    return part


def ask_widened(headers: Headers, margin: int, *, cuts: bool) -> tuple[Headers, WantedRange | None]:
    """The headers to send on, the range widened by `margin`, and the range wanted; None for all.

    Without `cuts` no range is sent on, as for a HEAD.
    """
    values = [value for name, value in headers if name == "range"]
    wanted = read(values[0]) if cuts and len(values) == 1 else None
    kept = tuple(one for one in headers if one[0] != "range")
    if wanted is None:
        return tuple(one for one in kept if one[0] != "if-range"), None
    return (*kept, ("range", wanted.widened(margin))), wanted
