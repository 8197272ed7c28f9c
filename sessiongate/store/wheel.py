"""The expiry wheel: which sessions to look at in which second.

A bucket is a chain of sessions through the sessions themselves, so leaving it costs the same for
a million as for ten, and an ended session leaves nothing behind. The links are digests, not
references: a list of a million references costs each full garbage collection 27 ms (measured at
1 M, CPython 3.11), and a chain of references overflows the C stack when it is dropped at once.

The wheel does not judge. Whoever takes a session from it looks whether its time is really up, and
puts it back further on if it was used meanwhile.
"""

import heapq
from collections.abc import Callable
from datetime import datetime

import msgspec

from sessiongate.session import Session


class Bucket(msgspec.Struct, gc=False, eq=False):
    """The sessions that fall due within one second: the first of the chain."""

    second: int
    head: bytes | None = None


class Kept(msgspec.Struct, gc=False, eq=False):
    """A session as the table keeps it: what is its own, and a form shared with its like.

    A flat Session takes 512 bytes with both indexes once it has been used; this takes about 430,
    because a dozen facts (name, roles, address, agent, ...) are kept once per client, not once per
    session. `bucket` is None when the session is over.
    """

    digest: bytes
    key: str
    facts: Session
    """A Session whose digest, key, times and count mean nothing. Shared: never changed."""
    login_at: datetime
    active_at: datetime
    call_count: int
    bucket: Bucket | None = None
    before: bytes | None = None
    after: bytes | None = None


class Wheel:
    """Buckets of one second, and the order of the seconds."""

    def __init__(self, look_up: Callable[[bytes], Kept]) -> None:
        self._look_up = look_up
        self._buckets: dict[int, Bucket] = {}
        self._seconds: list[int] = []

    def put(self, kept: Kept, due: datetime) -> None:
        """File it under the first second at whose start it is surely due."""
        second = int(due.timestamp()) + 1
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = Bucket(second)
            heapq.heappush(self._seconds, second)
        head = bucket.head
        if head is not None:
            self._look_up(head).before = kept.digest
        kept.bucket = bucket
        kept.before = None
        kept.after = head
        bucket.head = kept.digest

    def drop(self, kept: Kept) -> None:
        """Take it out, wherever it is."""
        bucket, before, after = kept.bucket, kept.before, kept.after
        if bucket is None:
            return
        if before is None:
            bucket.head = after
        else:
            self._look_up(before).after = after
        if after is not None:
            self._look_up(after).before = before
        kept.bucket = kept.before = kept.after = None

    def due(self, now: datetime) -> Kept | None:
        """One session that is due for a look, left in its place; None when there is none."""
        while self._seconds and self._seconds[0] <= now.timestamp():
            bucket = self._buckets[self._seconds[0]]
            if bucket.head is not None:
                return self._look_up(bucket.head)
            # Emptied buckets wait here for their second: at most one per second of the limit.
            heapq.heappop(self._seconds)
            del self._buckets[bucket.second]
        return None
