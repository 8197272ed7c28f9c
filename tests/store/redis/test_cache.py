"""What a server may remember of sessions: never past an end, never so long that they idle out."""

import asyncio
from datetime import timedelta
from typing import Any

from sessiongate.session import Limits, Session
from sessiongate.store.redis.cache import FLUSH_BATCH, FLUSH_EVERY, NEAR, Cache
from sessiongate.store.redis.cache_sync import CacheSync
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.testing import LIMITS, T0, TICK, a_session


class Ends:
    """Whether ends are being heard of."""

    live = True


def cache_of(ends: Ends | None = None, limits: Limits = LIMITS, size: int = 10) -> Cache:
    ends = ends or Ends()
    return Cache(limits, lambda: ends.live, size)


def fetched(cache: Cache, session: Session) -> None:
    cache.fetched(cache.fetching(session.digest), session)


def test_what_was_fetched_is_answered_and_counted() -> None:
    cache, session = cache_of(), a_session()
    assert cache.use(session.digest, T0) is None
    fetched(cache, session)
    used = cache.use(session.digest, T0 + timedelta(minutes=1))
    assert used is not None
    assert (used.active_at, used.call_count) == (T0 + timedelta(minutes=1), 1)
    again = cache.use(session.digest, T0)
    assert again is not None
    assert (again.active_at, again.call_count) == (T0 + timedelta(minutes=1), 2)
    assert (cache.hits, cache.misses) == (2, 1)


def test_what_is_handed_out_is_the_callers() -> None:
    cache, session = cache_of(), a_session()
    fetched(cache, session)
    session.locale = "de_DE"
    used = cache.use(session.digest, T0)
    assert used is not None
    used.principal = "eve"
    again = cache.use(session.digest, T0)
    assert again is not None
    assert (again.locale, again.principal) == ("en_US", "ada")


def test_sec_08_an_end_that_overtakes_a_fetch_is_not_undone_by_it() -> None:
    cache, session = cache_of(), a_session()
    fetch = cache.fetching(session.digest)
    cache.forget(session.digest)  # Redis had answered before the end, and the end came first
    cache.fetched(fetch, session)
    assert cache.use(session.digest, T0) is None


def test_sec_08_of_two_fetches_the_one_that_began_after_the_end_counts() -> None:
    cache, session = cache_of(), a_session()
    before = cache.fetching(session.digest)
    cache.forget(session.digest)
    after = cache.fetching(session.digest)
    cache.fetched(after, None)
    cache.fetched(before, session)
    assert cache.use(session.digest, T0) is None


def test_sec_08_an_end_elsewhere_spoils_no_other_fetch() -> None:
    cache, session = cache_of(), a_session()
    fetch = cache.fetching(session.digest)
    cache.forget(a_session().digest)
    cache.fetched(fetch, session)
    assert cache.use(session.digest, T0) is not None


def test_sec_08_nothing_is_known_after_ends_were_not_heard_of() -> None:
    ends = Ends()
    cache, session, other = cache_of(ends), a_session(), a_session()
    fetched(cache, session)
    fetch = cache.fetching(other.digest)
    ends.live = False
    assert cache.use(session.digest, T0) is None
    cache.clear()
    ends.live = True
    cache.fetched(fetch, other)  # it began before the lines were lost
    assert cache.use(session.digest, T0) is None
    assert cache.use(other.digest, T0) is None


def test_sec_08_nothing_is_kept_while_ends_are_not_heard_of() -> None:
    ends = Ends()
    cache, session = cache_of(ends), a_session()
    ends.live = False
    fetched(cache, session)
    ends.live = True
    assert cache.use(session.digest, T0) is None


def test_near_the_idle_limit_redis_is_asked() -> None:
    cache, session = cache_of(), a_session()
    fetched(cache, session)
    near = T0 + LIMITS.idle - NEAR
    assert cache.use(session.digest, near - TICK) is not None
    # That use is only known here: by Redis' own count the limit is near.
    assert cache.use(session.digest, near) is None
    [entry] = cache.take_pending()
    assert cache.take(entry) == 1
    cache.flushed(entry, near - TICK)
    assert cache.use(session.digest, near) is not None


def test_at_the_absolute_limit_redis_is_asked() -> None:
    limits = Limits(idle=timedelta(days=2), total=timedelta(days=1))
    cache, session = cache_of(limits=limits), a_session()
    fetched(cache, session)
    assert cache.use(session.digest, T0 + timedelta(days=1) - TICK) is not None
    assert cache.use(session.digest, T0 + timedelta(days=1)) is None


def test_uses_that_redis_did_not_take_are_kept_for_later() -> None:
    cache, session = cache_of(), a_session()
    fetched(cache, session)
    for _ in range(3):
        cache.use(session.digest, T0)
    [entry] = cache.take_pending()
    told = cache.take(entry)
    cache.use(session.digest, T0)  # while it was being told
    cache.requeue(entry, told)
    cache.clear()  # the lines were lost too: what was used is still to be told
    assert cache.pending(session.digest) is entry
    [entry] = cache.take_pending()
    assert cache.take(entry) == 4
    assert cache.take_pending() == []


class UsedMeanwhile(Pipeline):
    """Takes every use that it is told of, and uses a session again each time."""

    def __init__(self, cache: Cache, sessions: list[Session]) -> None:
        self.told = 0
        self._cache, self._sessions = cache, sessions

    def run(self, *_: object) -> Any:
        self.told += 1
        if self.told < 10 * len(self._sessions):  # an end, even where nobody else makes one
            session = self._sessions[self.told % len(self._sessions)]
            self._cache.use(session.digest, T0)
        done = asyncio.get_running_loop().create_future()
        done.set_result(1)
        return done


async def test_telling_all_ends_though_sessions_are_used_meanwhile() -> None:
    """Else a busy server told Redis of nearly every use, not of each session now and then."""
    cache = cache_of(size=1_000)
    sessions = [a_session() for _ in range(2 * FLUSH_BATCH + 50)]
    for session in sessions:
        fetched(cache, session)
        cache.use(session.digest, T0)
    redis = UsedMeanwhile(cache, sessions)
    memory = CacheSync(redis, RedisKeys("sg"), LIMITS)
    memory.cache = cache
    await memory.flush()
    assert redis.told == len(sessions)
    # Nothing of what came meanwhile is lost: the next time tells it.
    assert cache.pending_count > 0
    await memory.flush()
    assert redis.told > len(sessions)


async def test_a_sweep_of_many_steps_tells_all_uses_once() -> None:
    cache, session = cache_of(), a_session()
    fetched(cache, session)
    redis = UsedMeanwhile(cache, [])
    memory = CacheSync(redis, RedisKeys("sg"), LIMITS)
    memory.cache = cache
    while_told = timedelta(seconds=FLUSH_EVERY)
    for now in (T0, T0 + while_told / 2, T0 + while_told - TICK, T0 + while_told):
        cache.use(session.digest, T0)
        await memory.flush_before(now)
    assert redis.told == 2
    assert cache.pending_count == 0


def test_a_second_fetch_loses_no_use() -> None:
    cache, session = cache_of(), a_session()
    first, second = (cache.fetching(session.digest) for _ in range(2))
    cache.fetched(first, session)
    cache.use(session.digest, T0)
    cache.fetched(second, session)
    [entry] = cache.take_pending()
    assert cache.take(entry) == 1


def test_the_cache_is_bounded() -> None:
    cache = cache_of(size=3)
    sessions = [a_session() for _ in range(5)]
    for session in sessions:
        fetched(cache, session)
    assert len(cache) == 3
    assert cache.use(sessions[0].digest, T0) is None
    assert cache.use(sessions[-1].digest, T0) is not None


def test_a_session_that_is_gone_is_forgotten() -> None:
    cache, session = cache_of(), a_session()
    fetched(cache, session)
    cache.fetched(cache.fetching(session.digest), None)
    assert len(cache) == 0
