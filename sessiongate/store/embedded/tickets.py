"""Single-use tickets in memory: few, short-lived, bounded, never a session."""

from datetime import UTC, datetime
from itertools import islice

from sessiongate.errors import Overloaded
from sessiongate.session import Ticket

# Tickets that may wait at once. A ticket lives a minute: this is 1,600 clones per second, and
# bounds what a client can make us remember to about 30 MB.
MOST_TICKETS = 100_000

MARK = "mark"
"""The kind of a mark, which is nobody's ticket: it is never taken, and goes when it expires."""

# Tickets looked at to make room when the table is full: under a millisecond.
ROOM_STEP = 1_000


class TicketTable:
    """Tickets by the digest of their text."""

    def __init__(self, most: int = MOST_TICKETS) -> None:
        self._most = most
        self._tickets: dict[bytes, Ticket] = {}
        self.seen = datetime(1970, 1, 1, tzinfo=UTC)

    def put(self, digest: bytes, ticket: Ticket) -> list[bytes]:
        """Keep a ticket; raises Overloaded when there is no room. Says which made room for it."""
        purged: list[bytes] = []
        if len(self._tickets) >= self._most:
            purged = self.purge(self.seen, ROOM_STEP)
            if not purged:
                raise Overloaded(f"{self._most} tickets are waiting to be used", says="")
        self._tickets[digest] = ticket
        return purged

    def claim_once(self, digest: bytes, ticket: Ticket) -> list[bytes] | None:
        """Keep a ticket where nothing is kept yet; None where something is. Else as `put`."""
        return None if digest in self._tickets else self.put(digest, ticket)

    def keep(self, digest: bytes, ticket: Ticket) -> None:
        """Take in a ticket as it is. For loading a file."""
        self._tickets[digest] = ticket

    def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """A live ticket of this kind, once. One of another kind stays; an expired one goes."""
        self.seen = max(self.seen, now)
        ticket = self._tickets.get(digest)
        if ticket is None or ticket.kind != kind or ticket.expires_at <= self.seen:
            return None
        del self._tickets[digest]
        return ticket

    def drop(self, digest: bytes) -> None:
        """Remove a ticket."""
        self._tickets.pop(digest, None)

    def purge(self, now: datetime, at_most: int) -> list[bytes]:
        """Look at so many tickets, longest unseen first, and forget the expired ones."""
        self.seen = max(self.seen, now)
        purged: list[bytes] = []
        for digest, ticket in list(islice(self._tickets.items(), at_most)):
            del self._tickets[digest]
            if ticket.expires_at <= self.seen:
                purged.append(digest)
            else:
                self._tickets[digest] = ticket  # to the end of the queue
        return purged

    def __len__(self) -> int:
        return len(self._tickets)
