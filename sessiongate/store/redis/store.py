"""The store that many servers share: sessions, leases, tickets, message and audit in Redis.

A check is one round trip to one slot. A session's row decides about it, and one script at a time
changes it. The index (caps, list, due times) lives in one slot: docs/decisions/0015-redis.md.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from sessiongate.errors import CapReached, Overloaded, StoreUnavailable
from sessiongate.rules.life import due_at
from sessiongate.rules.lockout import Policy
from sessiongate.session import Caps, Limits, Session, Ticket
from sessiongate.store.encoding import EPOCH, micros, moment
from sessiongate.store.port import Endings
from sessiongate.store.redis import keys as rows
from sessiongate.store.redis import scripts
from sessiongate.store.redis.attempts import RedisAttempts
from sessiongate.store.redis.audit import RedisAudit
from sessiongate.store.redis.books import RedisBooks
from sessiongate.store.redis.cache_sync import CacheSync
from sessiongate.store.redis.client import RedisClients, RedisSettings
from sessiongate.store.redis.due import DueSessions
from sessiongate.store.redis.ending_marks import RedisEndingMarks
from sessiongate.store.redis.lease_users import RedisLeaseUsers
from sessiongate.store.redis.leases import RedisLeases
from sessiongate.store.redis.listing import listed
from sessiongate.store.redis.losses import Losses
from sessiongate.store.redis.manager_tokens import RedisManagerTokens
from sessiongate.store.redis.notes import RedisNotes
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.search import FoundSessions, SessionSearch, found_among

# Sessions that are looked at together before a login is refused for a cap.
STEP = 250

_FULL = (b"total", b"principal")
"""What `RESERVE` answers where a limit is reached."""


class RedisStore:
    """Keeps everything in Redis. `start` before use; `close` in the end."""

    def __init__(self, settings: RedisSettings, limits: Limits) -> None:
        self._settings = settings
        self._servers = RedisClients(settings)
        self._keys = rows.RedisKeys(settings.prefix)
        self._limits = limits
        self._limit_args = rows.limits_args(limits)
        self._keep_for = rows.keep_for(limits)
        self._book = self._keys.book
        self._running: Pipeline | None = None
        self._cache_sync: CacheSync | None = None
        self._losses: Losses | None = None
        self._unreported: Endings = []
        self._seen = EPOCH
        self.audit = RedisAudit(self._keys)
        self._due = DueSessions(lambda: self._calls, self._keys, self._limit_args, self._forget)
        self.leases = RedisLeases(lambda: self._calls, self._keys, self._for_good)
        self.lease_users = RedisLeaseUsers(lambda: self._calls, self._keys)
        self.ending_marks = RedisEndingMarks(lambda: self._calls, self._keys)
        self.manager_tokens = RedisManagerTokens(lambda: self._calls, self._keys, self._for_good)

    async def start(self) -> datetime | None:
        """Connect, and say the latest time that any server has told."""
        if self._running is not None:
            raise StoreUnavailable(f"the store at {self._servers.name} is open already")
        timeout = self._settings.timeout.total_seconds()
        calls = Pipeline(self._servers.open(), self._servers.name, timeout)
        try:
            seen = moment(int(await calls.run(scripts.SEE, self._book, 0)))
        except BaseException as broken:  # cancelled too: lines must not stay open
            await calls.close()
            await self._servers.close()
            if isinstance(broken, StoreUnavailable):
                raise StoreUnavailable(
                    f"{broken}: see that it runs, is Redis 7 or Valkey, and takes our "
                    "store.password, or name another in store.url"
                ) from broken
            raise
        self._running = calls
        self._seen = max(self._seen, seen)
        self.audit.open(calls)
        if self._settings.cache:
            self._cache_sync = CacheSync(calls, self._keys, self._limits)
            await self._cache_sync.start(self._servers.lines, timeout)
        forget = self._cache_sync.cache.clear if self._cache_sync is not None else lambda: None
        self._losses = Losses(calls, self._keys, self._servers.name, forget)
        await self._losses.start()
        return seen if seen > EPOCH else None

    async def close(self) -> None:
        """Tell Redis what it does not know yet, and hang up."""
        calls = self._running
        if calls is None:
            return
        if self._losses is not None:
            await self._losses.close()
        if self._cache_sync is not None:
            await self._cache_sync.close()
        with suppress(StoreUnavailable):
            await calls.run(scripts.SEE, self._book, micros(self._seen))
        await self.audit.close()
        self._running = self._cache_sync = None
        await calls.close()
        await self._servers.close()

    async def add(self, session: Session, caps: Caps) -> None:
        """Keep a new session, in one trip with its place and with the audit event of its opening.

        Nobody has its token before all three are in. Where one is not, the others are taken back.
        """
        now = self._now(session.login_at)
        # Shielded: who waits for it may leave, and it is known all the same what became of it.
        place, put = self._reserve(session, caps, now), None
        try:
            put = self._calls.run(
                scripts.PUT, self._at(session.digest), rows.row(session), self._keep_for
            )
            taken = await asyncio.shield(place)
            if taken in _FULL:
                # Perhaps it is only that nobody has swept yet.
                self._unreported += await self._due.end(now, STEP)
                place = self._reserve(session, caps, now)
                taken = await asyncio.shield(place)
            is_put = await asyncio.shield(put)
            if taken in _FULL:
                limit = caps.total if taken == b"total" else caps.per_principal
                raise CapReached(taken.decode("ascii"), limit, session.principal)
            if not (taken == b"ok" and is_put):
                raise ValueError("a session with this key or digest is already kept")
            await self.audit.settled()
        except BaseException:
            # Refused, or the caller has gone: nobody has the token, so no session may be left.
            # Not before both are answered: on another line it could overtake them.
            if place.done() and (put is None or put.done()):
                self._take_back(session, place, put)
            else:
                sent = asyncio.gather(*filter(None, (place, put)), return_exceptions=True)
                sent.add_done_callback(lambda _: self._take_back(session, place, put))
            raise

    def _take_back(
        self,
        session: Session,
        place: "asyncio.Future[bytes]",
        put: "asyncio.Future[int] | None",
    ) -> None:
        """Drop what a login has left that failed: its row and its place, but for what is another's.

        Where Redis does not hear this either, the sweep frees the place, and the row goes by its
        time to live.
        """
        if put is not None and _answer_of(put) != 0:
            with suppress(StoreUnavailable, Overloaded):
                self._calls.run(scripts.DROP, self._at(session.digest), self._keys.channel)
        if _answer_of(place) in (None, b"ok"):
            with suppress(StoreUnavailable, Overloaded):
                self._calls.run(scripts.SETTLE, self._book, 1, rows.text(session.key))

    async def use(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, touched: remembered here, or one round trip."""
        now = self._now(now)
        memory = self._cache_sync
        if memory is None:
            return await self._use(digest, now)
        return memory.use(digest, now) or await memory.fetch(digest, self._use(digest, now))

    async def peek(self, digest: bytes, now: datetime) -> Session | None:
        """The live session of this digest, untouched; asked of Redis itself."""
        if self._cache_sync is not None:
            await self._cache_sync.flush_session(digest)
        row = await self._calls.run(scripts.FIND, self._at(digest), *self._judge(self._now(now)))
        return rows.session_from(digest, row) if row is not None else None

    async def find(self, key: str, now: datetime) -> Session | None:
        """The live session of this key, untouched."""
        now = self._now(now)
        digest = await self._digest_of(key)
        if digest is None:
            return None
        if self._cache_sync is not None:
            await self._cache_sync.flush_session(digest)
        row = await self._calls.run(scripts.FIND, self._at(digest), *self._judge(now))
        return rows.session_of_key(digest, key, row)

    def list(self, now: datetime) -> AsyncIterator[Session]:
        """All live sessions, some at a time."""
        return self._listed(now, None)

    async def search(self, search: SessionSearch, now: datetime) -> FoundSessions:
        """The live sessions that fit; of those of one name, nobody else's are asked for."""
        return await found_among(self._listed(now, search.name), search)

    @property
    def revision(self) -> None:
        """Other servers change things, too."""
        return None

    async def _listed(self, now: datetime, name: str | None) -> AsyncIterator[Session]:
        await self.flush()
        async for session in listed(self._calls, self._keys, self._judge(self._now(now)), name):
            yield session

    async def change(self, session: Session) -> bool:
        """Keep the facts of this session; its times and count stay Redis' own."""
        changed = await self._calls.run(
            scripts.CHANGE,
            self._at(session.digest),
            *self._judge(self._seen),
            self._keys.channel,
            rows.facts(session),
        )
        self._forget(session.digest)
        if changed:
            await self._calls.run(
                scripts.MOVE,
                (self._keys.places, self._keys.counts),
                rows.text(session.key),
                rows.place(session),
            )
        return bool(changed)

    async def end(self, key: str) -> Session | None:
        """End this session, here and on every other server."""
        digest = await self._digest_of(key)
        if digest is None:
            return None
        if self._cache_sync is not None:
            await self._cache_sync.flush_session(digest)
        self._forget(digest)
        row = await self._calls.run(
            scripts.END,
            self._at(digest),
            *self._judge(self._seen),
            self._keys.channel,
            os.urandom(rows.NONCE),
        )
        session = rows.session_of_key(digest, key, row)
        if session is not None:
            # It is dead already. A place that cannot be given back now is found by the sweep.
            with suppress(StoreUnavailable):
                await self._calls.run(scripts.SETTLE, self._book, 1, rows.text(key))
            await self._for_good()
        return session

    async def count(self) -> int:
        """How many places are taken; one call, whatever their number."""
        return int(await self._calls.send("HLEN", self._keys.places))

    async def expire(self, now: datetime, at_most: int) -> Endings:
        """End what is past its limits. Each end is told to one server."""
        now = self._now(now)
        if self._cache_sync is not None:
            await self._cache_sync.flush_before(now)
        ended, self._unreported = self._unreported[:at_most], self._unreported[at_most:]
        if len(ended) < at_most and not self._due.are_none(now):
            ended += await self._due.end(now, at_most - len(ended))
        return ended

    async def put(self, digest: bytes, ticket: Ticket) -> None:
        """Keep a ticket."""
        await self._calls.send(
            "SET",
            self._keys.ticket(digest),
            rows.ticket_row(ticket),
            "PX",
            rows.keep_until(ticket.expires_at, self._seen),
        )

    async def take(self, digest: bytes, kind: str, now: datetime) -> Ticket | None:
        """A live ticket of this kind, once."""
        row = await self._calls.run(
            scripts.TAKE,
            (self._keys.ticket(digest),),
            rows.text(kind),
            micros(self._now(now)),
            os.urandom(rows.NONCE),
        )
        if row is None:
            return None
        await self._for_good()
        return rows.ticket_from(row)

    async def claim_once(self, digest: bytes, expires_at: datetime) -> bool:
        """Keep a mark where there is none."""
        keep = rows.keep_until(expires_at, self._seen)
        name = (self._keys.claim(digest),)
        first = bool(await self._calls.run(scripts.MARK, name, os.urandom(rows.NONCE), keep))
        if first:
            await self._for_good()
        return first

    async def advance(self, digest: bytes, generation: int, keep_until: datetime) -> int:
        """The newest generation, under a key of its own in the session's stead: it outlives it."""
        keep = rows.keep_until(keep_until, self._seen)
        name = (self._keys.generation(digest),)
        newest = int(await self._calls.run(scripts.ADVANCE, name, generation, keep))
        if newest == generation > 0:
            await self._for_good()
        return newest

    async def message(self) -> str:
        """The message."""
        found: bytes | None = await self._calls.send("GET", self._keys.message)
        return rows.text_of(found or b"")

    async def set_message(self, text: str) -> None:
        """Replace the message."""
        await self._calls.send("SET", self._keys.message, rows.text(text))

    def books(self, upstream: str) -> RedisBooks:
        """What clients have at an upstream, which all servers share."""
        return RedisBooks(lambda: self._calls, self._keys, upstream)

    def notes(self, upstream: str) -> RedisNotes:
        """The notes about an upstream."""
        return RedisNotes(lambda: self._calls, self._keys, upstream)

    def attempts(self, provider: str, policies: tuple[Policy, Policy, Policy]) -> RedisAttempts:
        """Counters of failed logins by this provider, which all servers share."""
        return RedisAttempts(lambda: self._calls, self._keys, provider, policies)

    def counts(self) -> dict[str, float]:
        """How often all was lost, and hits and misses of the cache, where there is one."""
        counts = {} if self._cache_sync is None else self._cache_sync.cache.counts()
        if self._losses is not None:
            counts["sessiongate_store_losses_total"] = self._losses.count
            counts["sessiongate_store_partial_losses_total"] = self._losses.partial
        return counts

    @property
    def memory(self) -> CacheSync | None:
        """What this server remembers, where `cache` is on."""
        return self._cache_sync

    async def flush(self) -> None:
        """Tell Redis of all uses now instead of in a second. Raises StoreUnavailable."""
        if self._cache_sync is not None:
            await self._cache_sync.flush()

    @property
    def _calls(self) -> Pipeline:
        if self._running is None:
            raise StoreUnavailable(f"the store at {self._servers.name} is not open")
        return self._running

    async def _for_good(self) -> None:
        """What has just ended must not come back with a replica that has not heard of it."""
        if self._settings.servers.kind == "sentinel":
            await self._calls.on_a_replica(self._keys.sync)

    def _now(self, now: datetime) -> datetime:
        """The latest time seen: a clock that steps back revives nothing."""
        if now > self._seen:
            self._seen = now
        return self._seen

    def _forget(self, digest: bytes) -> None:
        if self._cache_sync is not None:
            self._cache_sync.cache.forget(digest)

    def _at(self, digest: bytes) -> tuple[str, ...]:
        return (self._keys.session(digest),)

    def _judge(self, now: datetime) -> tuple[int, ...]:
        return (micros(now), *self._limit_args)

    async def _use(self, digest: bytes, now: datetime) -> Session | None:
        row = await self._calls.run(
            scripts.USE, self._at(digest), *self._judge(now), self._keys.channel, self._keep_for
        )
        if row is None:
            return None
        session = rows.session_from(digest, row)
        session.active_at = max(session.active_at, now)
        session.call_count += 1
        return session

    async def _digest_of(self, key: str) -> bytes | None:
        found: bytes | None = await self._calls.send("HGET", self._keys.places, rows.text(key))
        return found[:32] if found is not None else None

    def _reserve(self, session: Session, caps: Caps, now: datetime) -> "asyncio.Future[bytes]":
        """A place for it: what `RESERVE` answers."""
        due = micros(due_at(session.login_at, session.active_at, self._limits))
        who = rows.text(session.key), rows.place(session)
        answer: asyncio.Future[bytes] = self._calls.run(
            scripts.RESERVE, self._book, *who, due, caps.per_principal, caps.total, micros(now)
        )
        return answer


def _answer_of(call: "asyncio.Future[Any]") -> object:
    """What a call was answered; None where nobody knows."""
    return None if call.cancelled() or call.exception() is not None else call.result()
