"""What every store promises about generations of refresh tokens."""

import asyncio
from datetime import timedelta

from sessiongate.session import Session
from sessiongate.store.port import Store
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import NO_CAPS, a_session
from sessiongate.testing.stores.contract import Contract


class GenerationContract(Contract):
    """What every store promises about generations of refresh tokens."""

    async def test_sec_87_the_newest_generation_is_told_whatever_came_last(self) -> None:
        async with self.opened() as store:
            session = a_session("kept")
            await store.add(session, NO_CAPS)
            told = [await advanced(store, session, number) for number in (0, 2, 1, 0, 2, 3)]
            assert told == [0, 2, 2, 2, 2, 3]

    async def test_sec_87_sessions_have_generations_of_their_own(self) -> None:
        async with self.opened() as store:
            one, other = a_session("one"), a_session("other")
            await store.add(one, NO_CAPS)
            await store.add(other, NO_CAPS)
            assert await advanced(store, one, 5) == 5
            assert await advanced(store, other, 1) == 1

    async def test_sec_87_of_many_at_once_the_newest_wins(self) -> None:
        async with self.opened() as store:
            session = a_session("kept")
            await store.add(session, NO_CAPS)
            numbers = range(50, 0, -1)
            told = await asyncio.gather(*(advanced(store, session, one) for one in numbers))
            assert all(answer >= one for answer, one in zip(told, numbers, strict=True))
            assert await advanced(store, session, 0) == 50

    async def test_sec_87_a_generation_stays_known_after_a_restart(self) -> None:
        async with self.opened() as store:
            session, over = a_session("kept"), a_session("over")
            for one in (session, over):
                await store.add(one, NO_CAPS)
                assert await advanced(store, one, 3) == 3
            await store.end(over.key)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await advanced(second, session, 1) == 3
                    assert await second.use(over.digest, T0) is None


async def advanced(store: Store, session: Session, generation: int) -> int:
    """Say that a generation was used, and keep it for as long as a refresh token would live."""
    return await store.advance(session.digest, generation, T0 + timedelta(minutes=30))
