"""What stands in Redis: the names of keys, and how a session, ticket, lease and time look there.

One session is one string: a head of fixed width that scripts read and write, and behind it what
seldom changes. Times are whole microseconds since 1970, which a double holds exactly until 2255.
Everything that must agree across sessions or leases (places, caps, when to look) has the hash tag
`{book}`, and so lives in one slot of a Cluster; each session has the slot that its digest gives.
"""

import json
import struct
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sessiongate.errors import UnreadableRow
from sessiongate.rules.audit_chain import Chain
from sessiongate.session import Ended, Limits, Session, Ticket
from sessiongate.store.encoding import facts_of, micros, moment, session_of
from sessiongate.store.port import StoredLease
from sessiongate.store.redis.unreadable import DECODING

HEAD = struct.Struct(">Bddd")
"""State, login_at, active_at, call_count. The scripts say `>Bddd` too."""

LIVE, IDLE, AGED, TAKEN = range(4)
"""States of a session. IDLE and AGED are over and not yet reported; TAKEN is over and done with."""

REASONS = {IDLE: Ended.IDLE, AGED: Ended.AGED}

NONCE = 8
"""Bytes by which a script knows a call again that was sent twice."""

# How much longer than its limits a session may stay: so that whoever sweeps still finds what to
# report. Only where no server runs for a day does Redis forget sessions by itself.
MARGIN = timedelta(days=1)

# The same for tickets and marks, which nobody sweeps: for clocks that are not quite in step. A
# client can make many, and they go after minutes.
TICKET_MARGIN = timedelta(minutes=10)

_FOREVER = timedelta(days=36500)

_TICKET = struct.Struct(">BdB")

_WHOSE = struct.Struct(">I")
"""How long it is that says whose a lease is. The scripts say `>I4c0`."""

_LEASE = msgspec.msgpack.Decoder(tuple[int, bytes, bytes])


class RedisKeys:
    """The names of the keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self._session = f"{prefix}:s:"
        self._ticket = f"{prefix}:t:"
        self._mark = f"{prefix}:m:"
        self._generation = f"{prefix}:g:"
        self._tries = f"{prefix}:l:"
        self._known_places = f"{prefix}:k:"
        book = f"{prefix}:{{book}}:"
        self.places = f"{book}places"
        """Hash: key of a session -> its digest, and whose it is."""
        self.due = f"{book}due"
        """Sorted set: key of a session -> when to look whether it is over."""
        self.counts = f"{book}counts"
        """Hash: provider and principal -> how many sessions."""
        self.seen = f"{book}seen"
        """The latest time that any server has told."""
        self.book = self.places, self.due, self.counts, self.seen
        """What scripts take that give a session its place, or free it."""
        self.mark = f"{book}mark"
        """A number by chance, there for as long as nothing is lost."""
        self.sync = f"{book}sync"
        """Nothing; written to see whether a replica is in step."""
        self.locked = f"{book}locked"
        """Sorted set: provider and name -> until when it is locked."""
        self.leases = f"{book}leases", f"{book}lease-counts"
        """Hashes: id of a lease -> it; upstream and account -> how many they have."""
        self.lease_users = f"{book}lease-users", f"{book}instance:"
        """Hash: id of a lease -> its state and who uses it. And how the keys of instances begin."""
        self._gateway = book
        self.manager_tokens = f"{book}manager-tokens", f"{book}manager-token-uses"
        """Hashes: digest of a token of the session manager -> it; the same -> its last use."""
        self.ending_marks = f"{book}endings"
        """Hash: the name of a mark -> whose sessions are being ended, and until when at most."""
        self.message = f"{book}message"
        """The global message."""
        self._audit = f"{prefix}:{{audit}}:"
        self.channel = f"{prefix}:ends"
        """Channel: digests of sessions that no cache may go on answering for."""

    def instance(self, name: str) -> str:
        """The key of an instance: it lives as long as that is there."""
        return self.lease_users[1] + name

    def removed(self, lease_id: str) -> str:
        """The key that says for some minutes that a lease was removed, and not lost."""
        return f"{self._gateway}lease-removed:{lease_id}"

    def homes(self, lease_id: str) -> str:
        """The key of a set: the clients that have their home in a lease."""
        return f"{self._gateway}homes:{lease_id}"

    def client(self, upstream: str, client: str) -> str:
        """The key of a hash: what a client has at an upstream."""
        return f"{self._gateway}client:{upstream}:{client}"

    def owners(self, upstream: str) -> str:
        """The key of a hash: id of an object at an upstream -> the client whose it is."""
        return f"{self._gateway}owners:{upstream}"

    def notes(self, upstream: str) -> str:
        """The key of a hash: topic -> notes about an upstream."""
        return f"{self._gateway}notes:{upstream}"

    def chain(self, chain: Chain) -> tuple[str, str, str]:
        """The keys of one of the audit's chains.

        A stream with the events; a hash with number and hash of the last event; and a hash with
        those of the last event that was deleted, and since when any were.
        """
        name = self._audit if chain is Chain.DECISIONS else f"{self._audit}{chain.value}-"
        return f"{name}chain", f"{name}head", f"{name}anchor"

    def session(self, digest: bytes) -> str:
        """The key of a session."""
        return self._session + digest.hex()

    def ticket(self, digest: bytes) -> str:
        """The key of a ticket."""
        return self._ticket + digest.hex()

    def claim(self, digest: bytes) -> str:
        """The key of a mark."""
        return self._mark + digest.hex()

    def generation(self, digest: bytes) -> str:
        """The key of the newest generation of a session's refresh tokens."""
        return self._generation + digest.hex()

    def tries(self, digest: bytes) -> tuple[str, str]:
        """The key of a counter of failed logins, and that of its known places in the same slot."""
        counter = self._tries + digest.hex()
        # What stands in braces decides about the slot, and for a key without braces all of it does.
        return counter, f"{self._known_places}{{{counter}}}"


def facts(session: Session) -> bytes:
    """What seldom changes of a session, its key first."""
    told = (session.key, *facts_of(session))
    try:
        return msgspec.msgpack.encode(told)
    except UnicodeEncodeError:
        # Lone surrogates are no Unicode, and a client may send them. JSON has a form for them.
        return json.dumps(told).encode("ascii")


def row(session: Session) -> bytes:
    """A session as it stands in Redis."""
    head = (LIVE, micros(session.login_at), micros(session.active_at), session.call_count)
    return HEAD.pack(*head) + facts(session)


def session_from(digest: bytes, found: bytes) -> Session:
    """A session from its row. Raises UnreadableRow."""
    try:
        _, login, active, count = HEAD.unpack_from(found)
        written = found[HEAD.size :]
        told: Any = json.loads(written) if written[:1] == b"[" else msgspec.msgpack.decode(written)
        told[5] = tuple(told[5])
        key, *rest = told
        times = moment(int(login)), moment(int(active))
        return session_of(digest, key, tuple(rest), *times, int(count))
    except DECODING as error:
        raise UnreadableRow(
            f"the row of a session cannot be read ({type(error).__name__})"
        ) from None


def session_of_key(digest: bytes, key: str, found: bytes | None) -> Session | None:
    """The session of a row, if it is the one of this key."""
    session = session_from(digest, found) if found is not None else None
    return session if session is not None and session.key == key else None


def place(session: Session) -> bytes:
    """What `places` holds of a session: its digest, and whose it is."""
    return session.digest + cap_key(session)


def name_in(place: bytes) -> str:
    """The principal whose a session is, by what `places` holds of it."""
    whose = place[32:]
    return text_of(whose.partition(b"\0")[2] or whose)


def cap_key(session: Session) -> bytes:
    """The account that a cap per principal counts by: provider and name, with a NUL between.

    Releases before counted by the name alone. No name holds a NUL, so theirs are never mistaken.
    """
    return text(session.provider) + b"\0" + text(session.principal)


def text(told: str) -> bytes:
    """A text as bytes, also one that is no Unicode."""
    return told.encode("utf-8", "surrogatepass")


def text_of(found: bytes) -> str:
    """A text from what `text` has made of it."""
    return found.decode("utf-8", "surrogatepass")


def ticket_row(ticket: Ticket) -> bytes:
    """A ticket as it stands in Redis."""
    kind = text(ticket.kind)
    return _TICKET.pack(LIVE, micros(ticket.expires_at), len(kind)) + kind + text(ticket.subject)


def ticket_from(found: bytes) -> Ticket:
    """A ticket from its row."""
    _, expires, length = _TICKET.unpack_from(found)
    told = text_of(found[_TICKET.size :])
    kind = text_of(found[_TICKET.size : _TICKET.size + length])
    return Ticket(kind, told[len(kind) :], moment(int(expires)))


def lease_row(lease: StoredLease) -> bytes:
    """A lease as it stands in Redis, but for its id: whose it is, as the scripts read it, first."""
    whose = text(lease.upstream) + b"\0" + text(lease.account)
    told = (micros(lease.opened_at), text(lease.holder), lease.sealed)
    return _WHOSE.pack(len(whose)) + whose + msgspec.msgpack.encode(told)


def lease_from(lease_id: bytes, found: bytes) -> StoredLease:
    """A lease from its row."""
    (length,) = _WHOSE.unpack_from(found)
    begins = _WHOSE.size + length
    upstream, _, account = found[_WHOSE.size : begins].partition(b"\0")
    opened, holder, sealed = _LEASE.decode(found[begins:])
    named = text_of(lease_id), text_of(upstream), text_of(account)
    return StoredLease(*named, moment(opened), text_of(holder), sealed)


def span(of: timedelta) -> int:
    """A span in microseconds."""
    return of // timedelta(microseconds=1)


def limits_args(limits: Limits) -> tuple[int, int]:
    """Idle and absolute limit as the scripts take them; 0 for none."""
    return span(limits.idle), span(limits.total) if limits.total is not None else 0


def keep_for(limits: Limits) -> int:
    """Milliseconds for which Redis keeps a session that is not used. 0: for ever."""
    longest = min(limits.idle, limits.total) if limits.total is not None else limits.idle
    return (longest + MARGIN) // timedelta(milliseconds=1) if longest < _FOREVER else 0


def keep_until(at: datetime, seen: datetime) -> int:
    """Milliseconds for which Redis keeps what is over at this time."""
    left = max(at - seen, timedelta(0))
    return (min(left, _FOREVER) + TICKET_MARGIN) // timedelta(milliseconds=1)
