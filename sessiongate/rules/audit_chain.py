"""The audit's hash chains: each link holds the one before it, so that no byte changes unseen.

There are two, so that what costs a stranger nothing has a place of its own: however much of it
comes, it pushes nothing out of the other. What goes where, `service.journal` decides.

Whoever can rewrite the whole file can also make a whole new chain. To notice that, keep the head
of an earlier `audit verify` somewhere else and give it to a later one.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from hashlib import sha256

import msgspec

START = bytes(32)
"""What the first link of all holds."""

LARGEST = 2**63 - 1
"""The largest number that a link can have in any store. No chain comes near it."""

_DIGITS = len(str(LARGEST))


class Chain(StrEnum):
    """Which of the two chains an event belongs to."""

    DECISIONS = "decisions"
    """All that has an identity: who acted has shown it, or the name that was tried exists."""
    ANONYMOUS = "anonymous"
    """Refusals of whoever has shown no identity and named nobody who exists."""


class Link(msgspec.Struct, frozen=True):
    """One event of the chain. `hash` covers the number, the hash before, and the payload."""

    number: int
    payload: bytes
    hash: bytes


class ChainVerdict(msgspec.Struct, frozen=True):
    """What a verification found. `broken_at` is the first number that does not fit, or None."""

    events: int
    first: int
    last: int
    head: bytes
    broken_at: int | None = None
    why: str = ""
    known_head_seen: bool = False
    merged: int = 0
    """How many events stand in these as a number only."""

    @property
    def pruned(self) -> int:
        """How many events were deleted, from the first ever to the one before `first`."""
        return self.first - 1


def hash_of(number: int, before: bytes, payload: bytes) -> bytes:
    """The hash of the link of this number, after the link with the hash `before`."""
    return sha256(number.to_bytes(8, "big") + before + payload).digest()


def link(number: int, before: bytes, payload: bytes) -> Link:
    """A new link."""
    return Link(number, payload, hash_of(number, before, payload))


def read_link(number: object, payload: object, digest: object) -> Link:
    """A link as a store holds it, whatever somebody has put there.

    What is of another kind than was written reads as 0 and as no bytes, which no hash fits.
    """
    return Link(read_number(number, 0), _bytes(payload), _bytes(digest))


def read_anchor(number: object, digest: object) -> tuple[int, bytes]:
    """An anchor as a store holds it. Of one that is none, so that no first link fits after it."""
    known = read_number(number, -1)
    return (known, _bytes(digest)) if known >= 0 else (0, b"")


def read_number(value: object, otherwise: int) -> int:
    """A number of a link, as a store holds it: an integer or its digits. Or else `otherwise`."""
    if isinstance(value, bytes) and value.isdigit() and len(value) <= _DIGITS:
        value = int(value)
    if not isinstance(value, int) or not 0 <= value <= LARGEST:
        return otherwise
    return value


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def verify(
    links: Iterable[Link],
    anchor: tuple[int, bytes],
    newest: int,
    known_head: bytes | None = None,
    weigh: Callable[[bytes], int] = lambda _: 0,
) -> ChainVerdict:
    """Walk the chain from its anchor: number and hash of the last event that was deleted.

    `newest` is the number of the last event ever written. `known_head` is a head noted earlier;
    it is found missing if no link (nor the anchor) has it. `weigh` says of a payload how many more
    events it stands for.
    """
    number, before = anchor
    first = number + 1
    seen = known_head == before
    merged = 0
    for one in links:
        if one.number != number + 1:
            return _broken(first, number, before, number + 1, "it is missing")
        if one.hash != hash_of(one.number, before, one.payload):
            return _broken(first, number, before, one.number, "its bytes have changed")
        number, before = one.number, one.hash
        seen = seen or known_head == before
        merged += weigh(one.payload)
    if number != newest:
        return _broken(first, number, before, number + 1, "it is missing, and all after it")
    if known_head is not None and not seen:
        return _broken(first, number, before, first, "the head noted earlier is not in this chain")
    return ChainVerdict(
        number - first + 1, first, number, before, known_head_seen=seen, merged=merged
    )


def _broken(first: int, last: int, head: bytes, at: int, why: str) -> ChainVerdict:
    return ChainVerdict(last - first + 1, first, last, head, at, why)
