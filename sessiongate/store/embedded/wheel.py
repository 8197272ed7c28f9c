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


class SessionRecord(msgspec.Struct, gc=False, eq=False):
    """A session as the table keeps it: what is its own, and a form shared with its like.

    A flat Session takes 512 bytes with both indexes once it has been used; this takes about 450,
    because a dozen facts (name, roles, address, agent, ...) are kept once per client, not once per
    session. `second` names the bucket; 0 when the session is over.
    """

    digest: bytes
    key: str
    facts: Session
    """A Session whose digest, key, times and count mean nothing. Shared: never changed."""
    login_at: datetime
    active_at: datetime
    call_count: int
    second: int = 0
    before: bytes | None = None
    after: bytes | None = None
    newer: bytes | None = None
    """The session of the same name that was filed next, and the one before (`name_index`)."""
    older: bytes | None = None


class Wheel:
    """Buckets of one second, and the order of the seconds."""

    def __init__(self, look_up: Callable[[bytes], SessionRecord]) -> None:
        self._look_up = look_up
        self._heads: dict[int, SessionRecord] = {}
        # Seconds that have, or had, a bucket; each once, and none for longer than until it comes.
        self._order: list[int] = []
        self._ordered: set[int] = set()

    def put(self, record: SessionRecord, due: datetime) -> None:
        """File it under the first second at whose start it is surely due."""
        second = int(due.timestamp()) + 1
        head = self._heads.get(second)
        if head is not None:
            second = head.second  # one number object for the whole bucket, not 32 bytes for each
            head.before = record.digest
            record.after = head.digest
        elif second not in self._ordered:
            heapq.heappush(self._order, second)
            self._ordered.add(second)
        record.second = second
        self._heads[second] = record

    def drop(self, record: SessionRecord) -> None:
        """Take it out, wherever it is."""
        before, after = record.before, record.after
        if before is not None:
            self._look_up(before).after = after
        elif after is not None:
            self._heads[record.second] = self._look_up(after)
        else:
            del self._heads[record.second]
        if after is not None:
            self._look_up(after).before = before
        record.before = record.after = None
        record.second = 0

    def due(self, now: datetime) -> SessionRecord | None:
        """One session that is due for a look, left in its place; None when there is none."""
        second_now = now.timestamp()
        while self._order and self._order[0] <= second_now:
            head = self._heads.get(self._order[0])
            if head is not None:
                return head
            self._ordered.remove(heapq.heappop(self._order))
        return None
