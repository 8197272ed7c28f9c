"""The audit's hash chain: each link holds the one before it, so that no byte changes unseen.

Whoever can rewrite the whole file can also make a whole new chain. To notice that, keep the head
of an earlier `audit verify` somewhere else and give it to a later one.
"""

from collections.abc import Iterable
from hashlib import sha256

import msgspec

START = bytes(32)
"""What the first link of all holds."""


class Link(msgspec.Struct, frozen=True):
    """One event of the chain. `hash` covers the number, the hash before, and the payload."""

    number: int
    payload: bytes
    hash: bytes


class Verdict(msgspec.Struct, frozen=True):
    """What a verification found. `broken_at` is the first number that does not fit, or None."""

    events: int
    first: int
    last: int
    head: bytes
    broken_at: int | None = None
    why: str = ""
    known_head_seen: bool = False


def hash_of(number: int, before: bytes, payload: bytes) -> bytes:
    """The hash of the link of this number, after the link with the hash `before`."""
    return sha256(number.to_bytes(8, "big") + before + payload).digest()


def link(number: int, before: bytes, payload: bytes) -> Link:
    """A new link."""
    return Link(number, payload, hash_of(number, before, payload))


def verify(
    links: Iterable[Link],
    anchor: tuple[int, bytes],
    newest: int,
    known_head: bytes | None = None,
) -> Verdict:
    """Walk the chain from its anchor: number and hash of the last event that was let go.

    `newest` is the number of the last event ever written. `known_head` is a head noted earlier;
    it is found missing if no link (nor the anchor) has it.
    """
    number, before = anchor
    first = number + 1
    seen = known_head == before
    for one in links:
        if one.number != number + 1:
            return _broken(first, number, before, number + 1, "it is missing")
        if one.hash != hash_of(one.number, before, one.payload):
            return _broken(first, number, before, one.number, "its bytes have changed")
        number, before = one.number, one.hash
        seen = seen or known_head == before
    if number != newest:
        return _broken(first, number, before, number + 1, "it is missing, and all after it")
    if known_head is not None and not seen:
        return _broken(first, number, before, first, "the head noted earlier is not in this chain")
    return Verdict(number - first + 1, first, number, before, known_head_seen=seen)


def _broken(first: int, last: int, head: bytes, at: int, why: str) -> Verdict:
    return Verdict(last - first + 1, first, last, head, at, why)
