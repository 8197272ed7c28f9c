"""The port of every store, and its promises; the suites in `sessiongate.testing` hold them.

All methods are safe to call concurrently from one event loop. A store that cannot answer raises
StoreUnavailable; it never says None or True instead. What a method acknowledges by returning is
durable in a durable store. `now` is always an aware UTC datetime; a limit just reached has passed.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from sessiongate.rules.audit_chain import Chain, ChainVerdict, Link
from sessiongate.rules.lockout import Policy
from sessiongate.session import Caps, Ended, Session, Ticket
from sessiongate.store.gateway_port import ClientBooks, LeaseUsers, UpstreamNotes
from sessiongate.store.manager_port import ManagerTokens

Endings = list[tuple[Session, Ended]]
"""Sessions and why they are over. Named out here: inside the port `list` is a method."""


class SessionStore(Protocol):
    """Keeps sessions, knows their limits, and lets each of them end exactly once."""

    async def add(self, session: Session, caps: Caps) -> None:
        """Keep a new session. Raises CapReached, atomically, when there is no room for it."""
        ...

    async def use(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this token digest, touched: active_at = now, call_count + 1.

        None when there is none or its time is up. One that is past its limits ends here and now,
        and shows up in the next `expire`.
        """
        ...

    async def peek(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this token digest, untouched, or None."""
        ...

    async def find(self, key: str, now: datetime) -> Session | None:
        """The live session of this public key, untouched, or None."""
        ...

    def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions, in no particular order, without holding up other callers."""
        ...

    async def change(self, session: Session) -> bool:
        """Keep changed facts of a live session (locale, principal). False if it has ended."""
        ...

    async def end(self, key: str) -> Session | None:
        """End this session. Of many callers at once exactly one gets it; the others None.

        Where it is over and only the writing failed, the one gets EndNotWritten with it, and the
        writing is up to the store. At any other StoreUnavailable nobody knows whether it is over.
        """
        ...

    async def count(self) -> int:
        """How many sessions are kept, those past their limits and not yet noticed included."""
        ...

    async def expire(self, now: datetime, at_most: int) -> Endings:
        """End sessions past their limits, at most so many, and say which ended since last time."""
        ...


UseNoWait = Callable[[bytes, datetime], Session | None]
"""As `SessionStore.use`, without waiting."""


def use_nowait_of(store: SessionStore) -> UseNoWait | None:
    """How this store does a `use` without waiting: by its method `use_nowait`, if it has one.

    Stores have it that keep their sessions in this process.
    """
    found: UseNoWait | None = getattr(store, "use_nowait", None)
    return found


class TicketStore(Protocol):
    """Keeps single-use tickets, by the digest of their text, apart from sessions."""

    async def put(self, digest: bytes, ticket: Ticket) -> None:
        """Keep a ticket until it is taken or expires."""
        ...

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """Hand out a live ticket of this kind once, and never again; else None."""
        ...

    async def claim_once(self, digest: bytes, expires_at: datetime) -> bool:
        """Claim a digest until it expires: True for whoever claims first, False for all others.

        What was claimed must be of no use by itself once the claim has expired.
        """
        ...


class GenerationStore(Protocol):
    """Knows, of each session, the newest generation of its refresh tokens that was used."""

    async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
        """Note that this generation was used, and say which is the newest, this one included.

        `digest` is the session's. What is noted lasts as long as the session, and at least until
        `keep_until` if that lives so long; of a session that is over nothing need be kept.
        """
        ...


class NoticeStore(Protocol):
    """Keeps the one global message of SessionManager."""

    async def message(self) -> str:
        """The message, "" when there is none."""
        ...

    async def set_message(self, text: str) -> None:
        """Replace the message."""
        ...


class AuditStore(Protocol):
    """Keeps events in order, as two hash chains (`rules.chain`). An event is one line of JSON.

    Whatever becomes of one chain, the other keeps what it has.
    """

    @property
    def lost(self) -> int:
        """How many events were dropped, since they could not be written for so long."""
        ...

    def note(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event without waiting: a decision is durable before what is acknowledged later.

        Nothing waits for an anonymous one.
        """
        ...

    async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event, durable on return. With StoreUnavailable it is kept, and written later."""
        ...

    def prune(
        self,
        most: int,
        before: datetime,
        now: datetime | None = None,
        chain: Chain = Chain.DECISIONS,
    ) -> None:
        """Delete the oldest events: those beyond so many, and those of before this time.

        `now` is kept, the first time that there are any: since when events have been deleted. None
        leaves that unknown.
        """
        ...


class ReservedAttempt(Protocol):
    """One try under way. It ends by exactly one of these."""

    @property
    def returning(self) -> bool:
        """Whether the name had come in from this address lately when the try began."""
        ...

    async def failed(self, now: datetime) -> None:
        """It was wrong."""
        ...

    async def succeeded(self, now: datetime) -> None:
        """It was right, which forgives what came from this address, and makes it a known one."""
        ...

    async def unknown(self, now: datetime) -> None:
        """It had no outcome."""
        ...


class AttemptStore(Protocol):
    """The counters of one provider. Raises StoreUnavailable where they cannot be asked."""

    async def is_locked(self, name: str, address: str, now: datetime) -> bool:
        """Whether this name is locked for this address."""
        ...

    async def begin(
        self, name: str, address: str, now: datetime, *, further: bool = False
    ) -> ReservedAttempt | None:
        """Take a place for one try, atomically; None where there is none.

        `further`: under one more name, of a try that counts for its address already.
        """
        ...

    async def welcome(self, name: str, address: str, now: datetime) -> None:
        """Remember that a name has come in from here without a try.

        For a while (`rules.lockout.LATELY`) what fails here adds nothing to its total, and no lock
        by the total holds here.
        """
        ...

    async def unlock(self, name: str, now: datetime) -> bool:
        """Forget the failures of this name, from anywhere. False if there were none."""
        ...

    async def locked(self, now: datetime) -> dict[str, datetime]:
        """The names locked for somebody, and until when at the latest."""
        ...


class StoredLease(msgspec.Struct, frozen=True):
    """A session of ours at an upstream, as the store has it. What it is used by is `sealed`.

    The first three never change.
    """

    id: str
    """Ours: logs, audit and commands name a lease so, never by anything that is the upstream's."""
    upstream: str
    """The name of its table in the settings."""
    account: str
    """Whose it is at the upstream: `SERVICE`, or provider and canonical name of a caller."""
    opened_at: datetime
    holder: str
    """The instance that opened it, or used it last."""
    sealed: bytes = b""
    """Token, key and wire form, encrypted. None as long as the login is under way."""

    def __repr__(self) -> str:
        return f"StoredLease({self.id!r}, {self.upstream!r}, {self.account!r}, {self.holder!r})"


SERVICE = "service"
"""The account that an upstream's own settings name. Those of callers have a `/` in them."""


class LeaseStore(Protocol):
    """Keeps leases for all servers that share the store, until they are removed: they never expire.

    Raises StoreUnavailable; whether it was done all the same, `all` knows.
    """

    async def reserve(self, lease: StoredLease, most: int) -> None:
        """Keep a new lease, before its login: what is sealed comes by `replace`.

        Raises CapReached, atomically, where its upstream and account have `most` already.
        """
        ...

    async def replace(self, old: StoredLease, new: StoredLease) -> bool:
        """Keep the one instead of the other, whole, if it still is as the old one says.

        So credentials are durable before they are used, renewed ones before the old are given up,
        and of many who take a lease over one gets it. False if it has changed or is gone, and
        True if it is as the new one says already.
        """
        ...

    async def remove(self, lease_id: str) -> None:
        """Forget this lease, which leaves room for another. No error where there is none."""
        ...

    async def find(self, lease_id: str) -> StoredLease | None:
        """The lease of this id, None where there is none."""
        ...

    async def all(self) -> list[StoredLease]:
        """All leases, in no particular order, those whose login is under way too."""
        ...


class AuditReader(Protocol):
    """The audit as it is read from outside. Raises StoreUnavailable."""

    def tail(self, count: int, chain: Chain = Chain.DECISIONS) -> list[Link]:
        """The last events of a chain, oldest first."""
        ...

    def all(self, chain: Chain = Chain.DECISIONS) -> Iterator[Link]:
        """Every event of a chain that is kept, oldest first."""
        ...

    def before(self, number: int | None, count: int, chain: Chain = Chain.DECISIONS) -> list[Link]:
        """At most so many events before the one of this number, oldest first; [] before the first.

        None stands for the end. So a record is read backwards in portions, however long it is.
        """
        ...

    def verify(
        self,
        known_head: bytes | None = None,
        chain: Chain = Chain.DECISIONS,
        weigh: Callable[[bytes], int] = lambda _: 0,
    ) -> ChainVerdict:
        """Whether a chain is whole, and goes on from this head where one is given."""
        ...

    def since(self, chain: Chain = Chain.DECISIONS) -> datetime | None:
        """Since when events of a chain have been deleted; None where none were, or not known."""
        ...


class Store(SessionStore, TicketStore, GenerationStore, NoticeStore, Protocol):
    """All of its tables, the audit, and the life of the store itself."""

    @property
    def audit(self) -> AuditStore:
        """Where this store keeps events."""
        ...

    @property
    def leases(self) -> LeaseStore:
        """Where this store keeps what the gateway has opened at upstreams."""
        ...

    @property
    def lease_users(self) -> LeaseUsers:
        """Where this store keeps which instances use which lease."""
        ...

    @property
    def manager_tokens(self) -> ManagerTokens:
        """Where this store keeps the tokens of the session manager's clients."""
        ...

    def books(self, upstream: str) -> ClientBooks:
        """Where this store keeps what clients have at an upstream."""
        ...

    def notes(self, upstream: str) -> UpstreamNotes:
        """Where this store keeps what processes tell each other of an upstream."""
        ...

    def attempts(
        self, provider: str, policies: tuple[Policy, Policy, Policy]
    ) -> AttemptStore | None:
        """What is held against names of this provider by all servers on this store together.

        None where each process counts by itself, since no other shares the store.
        """
        ...

    def counts(self) -> dict[str, float]:
        """What the store counts by itself, by the names of metrics; often nothing."""
        ...

    async def start(self) -> datetime | None:
        """Open, load, and say the latest time this store has seen (None if it never has).

        Raises StoreUnavailable, with a sentence that names the way out, if it cannot be opened.
        """
        ...

    async def close(self) -> None:
        """Write what is pending and let go. Idempotent."""
        ...
