"""What every store promises about the ends of sessions."""

import asyncio
from datetime import timedelta

from sessiongate.session import Ended
from sessiongate.testing.clock import T0, TICK
from sessiongate.testing.sessions import LIMITS, NO_CAPS, a_session, everyone
from sessiongate.testing.stores.contract import Contract


class EndingContract(Contract):
    """A session ends once, at its limits or when it is told to, and stays ended."""

    async def test_sec_05_an_idle_session_is_over_at_the_limit_itself(self) -> None:
        async with self.opened() as store:
            early, late = a_session(), a_session()
            await store.add(early, NO_CAPS)
            await store.add(late, NO_CAPS)
            limit = T0 + LIMITS.idle
            assert await store.use(early.digest, limit - TICK) is not None
            assert await store.find(late.key, limit) is None
            assert await store.use(late.digest, limit) is None
            assert set(await everyone(store, limit)) == {early.key}
            # The use of a moment before counts anew from then.
            assert await store.use(early.digest, limit - TICK + LIMITS.idle - TICK) is not None

    async def test_sec_06_an_aged_session_is_over_whatever_the_activity(self) -> None:
        async with self.opened() as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            now = T0
            limit = T0 + timedelta(hours=12)
            while now + timedelta(minutes=1) < limit:
                now += timedelta(minutes=1)
                assert await store.use(session.digest, now) is not None
            assert await store.use(session.digest, limit - TICK) is not None
            assert await store.use(session.digest, limit) is None
            ended = await store.expire(limit, 10)
            assert [(one.key, why) for one, why in ended] == [(session.key, Ended.AGED)]

    async def test_sec_10_ended_stays_ended_when_the_clock_steps_back(self) -> None:
        async with self.opened() as store:
            idle, gone = a_session(), a_session()
            await store.add(idle, NO_CAPS)
            await store.add(gone, NO_CAPS)
            assert await store.end(gone.key) is not None
            assert await store.use(idle.digest, T0 + LIMITS.idle) is None
            for session in (idle, gone):
                assert await store.use(session.digest, T0) is None
                assert await store.find(session.key, T0) is None
                assert await store.end(session.key) is None

    async def test_sec_10_ended_stays_ended_after_a_restart(self) -> None:
        async with self.opened() as store:
            out, idle, alive = a_session(), a_session(), a_session()
            for session in (out, idle, alive):
                await store.add(session, NO_CAPS)
            await store.end(out.key)
            last = T0 + LIMITS.idle - TICK
            await store.use(alive.digest, last)
            assert await store.use(idle.digest, last + TICK) is None
            async with self.reopened(store) as (second, seen):
                if second is None:
                    return
                assert seen is not None
                assert seen >= last
                assert await second.use(out.digest, T0) is None
                assert await second.use(idle.digest, T0) is None
                assert set(await everyone(second, last)) == {alive.key}
                found = await second.find(alive.key, last)
                assert found is not None
                assert (found.active_at, found.call_count) == (last, 1)

    async def test_of_fifty_who_end_a_session_one_gets_it(self) -> None:
        async with self.opened() as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            answers = await asyncio.gather(*(store.end(session.key) for _ in range(50)))
            assert [one.key for one in answers if one is not None] == [session.key]
            assert await store.use(session.digest, T0) is None
            assert await store.expire(T0, 10) == []

    async def test_expire_reports_each_once_and_not_too_many(self) -> None:
        async with self.opened() as store:
            sessions = [a_session() for _ in range(25)]
            for session in sessions:
                await store.add(session, NO_CAPS)
            assert await store.expire(T0, 10) == []
            later = T0 + LIMITS.idle
            assert await store.use(sessions[0].digest, later) is None
            later += timedelta(seconds=2)
            told: list[tuple[str, Ended]] = []
            for _ in range(6):
                ended = await store.expire(later, 10)
                assert len(ended) <= 10
                told += [(session.key, why) for session, why in ended]
            assert sorted(told) == sorted((one.key, Ended.IDLE) for one in sessions)
            assert await everyone(store, later) == {}

    async def test_expire_spares_what_was_used(self) -> None:
        async with self.opened() as store:
            used, unused = a_session(), a_session()
            await store.add(used, NO_CAPS)
            await store.add(unused, NO_CAPS)
            await store.use(used.digest, T0 + timedelta(minutes=10))
            ended = await store.expire(T0 + timedelta(minutes=31), 100)
            assert [session.key for session, _ in ended] == [unused.key]
            ended = await store.expire(T0 + timedelta(minutes=41), 100)
            assert [session.key for session, _ in ended] == [used.key]
