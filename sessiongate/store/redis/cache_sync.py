"""Keeps one server's cache in step with Redis: receives ends, and writes back uses.

What is cached, and when that may be used, `cache` decides; `end_listener` knows whether ends
are received.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import zip_longest

from redis.asyncio import Connection

from sessiongate.errors import StoreUnavailable
from sessiongate.session import Limits, Session
from sessiongate.store.encoding import EPOCH, micros
from sessiongate.store.redis import keys as rows
from sessiongate.store.redis.cache import FLUSH_BATCH, FLUSH_EVERY, Cache, CacheEntry
from sessiongate.store.redis.end_listener import EndListener
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import TOUCH


class CacheSync:
    """`start` before use, `close` in the end."""

    def __init__(self, calls: Pipeline, keys: rows.RedisKeys, limits: Limits) -> None:
        self._calls = calls
        self._keys = keys
        self._limit_args = rows.limits_args(limits)
        self._keep_for = rows.keep_for(limits)
        self._listening: EndListener | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._flushed_at = EPOCH
        self.cache = Cache(limits, self._live)

    async def start(self, lines: Callable[[], list[Connection]], patience: float) -> None:
        """Begin to listen; wait so long for it to succeed, and go on without it meanwhile."""
        self._listening = EndListener(
            lines, self._keys.channel, on_end=self._on_end, lost=self.cache.clear
        )
        await self._listening.start(patience)
        self._flusher = asyncio.create_task(self._pace(), name="sessiongate-store-uses")

    async def close(self) -> None:
        """Tell what is pending, and stop listening."""
        if self._flusher is not None:
            self._flusher.cancel()
            with suppress(asyncio.CancelledError):
                await self._flusher
        if self._listening is not None:
            await self._listening.close()
        with suppress(StoreUnavailable):
            await self.flush()

    def use(self, digest: bytes, now: datetime) -> Session | None:
        """The session, touched, where that can be said without asking."""
        return self.cache.use(digest, now)

    async def fetch(
        self, digest: bytes, ask: Coroutine[None, None, Session | None]
    ) -> Session | None:
        """The session as Redis says, remembered unless it ended or changed meanwhile."""
        try:
            await self.flush_session(digest)
        except BaseException:
            ask.close()
            raise
        fetch = self.cache.fetching(digest)
        session = None
        try:
            session = await ask
        except BaseException:
            self.cache.forget(digest)  # whatever is known is no better than what could be asked
            raise
        finally:
            self.cache.fetched(fetch, session)
        return session

    async def flush_session(self, digest: bytes) -> None:
        """Tell Redis of the uses of one session. Raises StoreUnavailable; they stay pending."""
        pending = self.cache.pending(digest)
        if pending is not None:
            await self._flush([pending])

    async def flush(self) -> None:
        """Tell Redis of all uses until now. Raises StoreUnavailable; they stay pending."""
        # Sessions are used again while this goes on. Those come last, and are for the next time:
        # to wait for an end of them would be to tell each use by itself.
        left = self.cache.pending_count
        while left > 0 and (taken := self.cache.take_pending(min(left, FLUSH_BATCH))):
            left -= len(taken)
            await self._flush(taken)

    async def flush_before(self, now: datetime) -> None:
        """Tell Redis of all uses, unless it was told less than a second before `now`.

        For whoever has Redis judge many sessions, a few at a time. What was used here since then
        was still far from its limit by what Redis knows, or Redis would have been asked.
        """
        if abs(now - self._flushed_at) >= timedelta(seconds=FLUSH_EVERY):
            await self.flush()
            self._flushed_at = now

    async def _flush(self, entries: Sequence[CacheEntry]) -> None:
        flushing = [(entry, entry.session.active_at, self.cache.take(entry)) for entry in entries]
        answers: Sequence[object] = ()
        try:
            asked = [
                self._calls.run(
                    TOUCH,
                    (self._keys.session(entry.session.digest),),
                    micros(at),
                    *self._limit_args,
                    self._keys.channel,
                    self._keep_for,
                    count,
                )
                for entry, at, count in flushing
            ]
            answers = await asyncio.gather(*asked, return_exceptions=True)
        finally:
            broken = self._settle(flushing, answers)
        if broken is not None:
            raise broken

    def _settle(
        self, flushing: Sequence[tuple[CacheEntry, datetime, int]], answers: Sequence[object]
    ) -> BaseException | None:
        """Note what Redis took. What it did not is told later; the last reason why."""
        broken = None
        for (entry, at, count), answer in zip_longest(flushing, answers):
            if answer is None and len(answers) == len(flushing):
                self.cache.forget(entry.session.digest)  # it is over
            elif answer is None or isinstance(answer, BaseException):
                broken = answer or broken
                self.cache.requeue(entry, count)
            else:
                self.cache.flushed(entry, at)
        return broken

    def _live(self) -> bool:
        return self._listening is not None and self._listening.live

    def _on_end(self, digest: bytes) -> None:
        self.cache.forget(bytes.fromhex(digest.decode("ascii")))

    async def _pace(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            with suppress(StoreUnavailable):
                await self.flush()
