"""The audit in Redis: two chains that all servers add to.

Redis cannot make the hashes, so a server makes them after the head that it knows, and a script
adds the events only if that is still the head; else they are linked anew after the one it names.
Events wait in this process until they are in; whatever the store acknowledges waits for those
noted before it.
"""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime

import structlog

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import START, Chain, link
from sessiongate.store.deleted_by_age import DeletedByAge
from sessiongate.store.embedded.audit import MOST_OWED
from sessiongate.store.encoding import micros
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import APPEND, PRUNE

# Events added at once, about 100 KB.
_TOGETHER = 200

# Between two tries while Redis refuses.
_PAUSE = 1.0

# Other servers may add in between again and again; each time at least one of us gets on. With 32 of
# them it takes some 25 tries, 5 ms in all. Waiting in between does not help: what was known of the
# head is then out of date for certain.
_MOST_TRIES = 1_000

# What an answer has that says where the head is.
_HEAD = 3

_log = structlog.get_logger("sessiongate.audit")


class RedisAudit:
    """The chains in Redis. `open` before use, `close` in the end."""

    def __init__(self, keys: RedisKeys, most_owed: int = MOST_OWED) -> None:
        self._deleted_by_age = DeletedByAge()
        self._chains = {
            chain: _RedisChain(keys.chain(chain), most_owed, self._deleted_by_age)
            for chain in Chain
        }
        self._decisions = self._chains[Chain.DECISIONS]

    @property
    def lost(self) -> int:
        """How many events were dropped, since they could not be written for so long."""
        return sum(chain.lost for chain in self._chains.values())

    def open(self, calls: Pipeline) -> None:
        """Add by these calls from now on."""
        for chain in self._chains.values():
            chain.open(calls)

    async def close(self) -> None:
        """Add what waits, if Redis takes it."""
        for chain in self._chains.values():
            await chain.close()

    def note(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event. A decision is in Redis before anything acknowledged later."""
        self._chains[chain].note(payload, at)

    async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
        """Keep an event; in Redis when this returns.

        Whatever waits in the other chain is waited for as well: by the time that a refusal takes,
        nobody may tell in which of them it is.
        """
        self._chains[chain].note(payload, at)
        for one in self._chains.values():
            await one.settled()

    async def settled(self) -> None:
        """Wait until all decisions noted so far are in. Raises StoreUnavailable; they follow then.

        Anonymous events are not waited for, however many there are.
        """
        await self._decisions.settled()

    def prune(
        self,
        most: int,
        before: datetime,
        now: datetime | None = None,
        chain: Chain = Chain.DECISIONS,
    ) -> None:
        """Delete the oldest events."""
        self._chains[chain].prune(most, micros(before), 0 if now is None else micros(now))
        self._deleted_by_age.report(now)


class _RedisChain:
    """One chain in Redis."""

    def __init__(
        self, keys: tuple[str, str, str], most_owed: int, deleted_by_age: DeletedByAge
    ) -> None:
        self._deleted_by_age = deleted_by_age
        self._most_owed = most_owed
        self._keys = keys
        self._calls: Pipeline | None = None
        self._waiting: deque[tuple[bytes, datetime]] = deque()
        self._noted = 0
        self._count = 0
        self._head = (0, START)
        self._adding: asyncio.Task[None] | None = None
        self._trimming: asyncio.Task[None] | None = None
        self.lost = 0
        """How many events were dropped, since they could not be written for so long."""
        self._attempt: asyncio.Task[None] | None = None

    def open(self, calls: Pipeline) -> None:
        """Add by these calls from now on."""
        self._calls = calls
        self._begin()

    async def close(self) -> None:
        """Add what waits, if Redis takes it."""
        with suppress(StoreUnavailable):
            await self.settled()
        self._calls = None
        for task in (self._adding, self._trimming, self._attempt):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError, StoreUnavailable):
                    await task
        if self._waiting:
            _log.error("store closed with unwritten audit events", events=len(self._waiting))

    def note(self, payload: bytes, at: datetime) -> None:
        """Keep an event. In Redis before anything acknowledged later."""
        if len(self._waiting) >= self._most_owed:
            self.lost += 1
            if self.lost == 1:
                _log.error("audit events are being lost: the store refuses and the queue is full")
            return
        self._waiting.append((payload, at))
        self._noted += 1
        self._begin()

    async def settled(self) -> None:
        """Wait until all that was noted so far is in. Raises StoreUnavailable; it follows then."""
        noted = self._noted
        while self._count < noted:
            await self._add()

    def prune(self, most: int, before: int, now: int) -> None:
        """Delete the oldest events. Times in microseconds; `now` of 0 is not known."""
        calls = self._calls
        if calls is not None and (self._trimming is None or self._trimming.done()):
            self._trimming = asyncio.create_task(self._trim(calls, most, before, now))

    async def _trim(self, calls: Pipeline, most: int, before: int, now: int) -> None:
        with suppress(StoreUnavailable):
            self._deleted_by_age.add(int(await calls.run(PRUNE, self._keys, most, before, now)))

    def _begin(self) -> None:
        idle = self._adding is None or self._adding.done()
        if self._waiting and idle and self._calls is not None:
            self._adding = asyncio.create_task(self._keep_adding())

    async def _keep_adding(self) -> None:
        while self._waiting:
            try:
                await self._add()
            except StoreUnavailable:
                await asyncio.sleep(_PAUSE)

    async def _add(self) -> None:
        """Add what waits, together with whoever is adding already: all hear how it went.

        One after the other they would each wait for a Redis that does not answer.
        """
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._add_some())
            self._attempt.add_done_callback(_consume_exception)
        await asyncio.shield(self._attempt)

    async def _add_some(self) -> None:
        if self._calls is None:
            raise StoreUnavailable("the store is not open")
        events = [self._waiting[at] for at in range(min(len(self._waiting), _TOGETHER))]
        if not events:
            return
        for _ in range(_MOST_TRIES):
            number, before = self._head
            arguments: list[bytes | int] = [number, before]
            for payload, at in events:
                made = link(number + 1, before, payload)
                number, before = made.number, made.hash
                arguments += [micros(at), payload, before]
            answer = await self._calls.run(APPEND, self._keys, *arguments)
            if answer[0] == 1:
                self._head = (number, before)
                for _ in events:
                    self._waiting.popleft()
                self._count += len(events)
                return
            self._head = (int(answer[1]), answer[2])
            if len(answer) > _HEAD:
                _log.warning(
                    "the head of the audit was lost in Redis", goes_on_after=int(answer[1])
                )
        raise StoreUnavailable("the audit's chain is too busy")


def _consume_exception(attempt: asyncio.Task[None]) -> None:
    """Read the exception of an attempt, so that asyncio does not log it as never retrieved."""
    if not attempt.cancelled():
        attempt.exception()
