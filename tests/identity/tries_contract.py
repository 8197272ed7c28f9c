"""What all counters of failed tries promise, wherever they are kept."""

import asyncio
from datetime import timedelta

from sessiongate.identity.tally import Lockout
from sessiongate.identity.tries import Tries
from tests.identity.fakes import NOON

MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
HERE, THERE, ELSEWHERE = "192.0.2.1", "2001:db8::1", "198.51.100.1"


async def fail(tries: Tries, name: str, address: str = HERE, times: int = 1) -> None:
    for _ in range(times):
        one = await tries.begin(name, address, NOON)
        assert one is not None
        await one.failed(NOON)


class TriesContract:
    """Subclasses say how to make counters."""

    async def make(self, lockout: Lockout) -> Tries:
        raise NotImplementedError

    async def test_the_failure_that_fills_the_window_locks(self) -> None:
        tries = await self.make(Lockout())
        await fail(tries, "alice", times=4)
        assert not await tries.is_locked("alice", HERE, NOON)
        await fail(tries, "alice")
        assert await tries.is_locked("alice", HERE, NOON)
        assert await tries.begin("alice", HERE, NOON) is None
        assert not await tries.is_locked("alice", THERE, NOON)
        assert not await tries.is_locked("bob", HERE, NOON)
        assert await tries.locked(NOON) == {"alice": NOON + 5 * MINUTE}
        until = NOON + 5 * MINUTE
        assert await tries.is_locked("alice", HERE, until - TICK)
        assert not await tries.is_locked("alice", HERE, until)
        assert await tries.begin("alice", HERE, until) is not None
        assert await tries.locked(until) == {}

    async def test_failures_older_than_the_window_do_not_count(self) -> None:
        tries = await self.make(Lockout(attempts=2))
        await fail(tries, "alice")
        later = NOON + 3 * MINUTE
        one = await tries.begin("alice", HERE, later)
        assert one is not None
        await one.failed(later)
        assert not await tries.is_locked("alice", HERE, later)

    async def test_sec_23_tries_under_way_count_as_if_they_had_failed(self) -> None:
        tries = await self.make(Lockout())
        begun = await asyncio.gather(*(tries.begin("alice", HERE, NOON) for _ in range(100)))
        places = [one for one in begun if one is not None]
        assert len(places) == 5
        await places[0].unknown(NOON)
        assert await tries.begin("alice", HERE, NOON) is not None
        assert await tries.begin("alice", HERE, NOON) is None

    async def test_sec_25_a_pair_locks_first_and_the_name_much_later(self) -> None:
        tries = await self.make(Lockout(attempts=2, total_attempts=6))
        for number in range(3):
            assert not await tries.is_locked("alice", ELSEWHERE, NOON)
            await fail(tries, "alice", f"192.0.2.{number}", 2)
        assert await tries.is_locked("alice", ELSEWHERE, NOON)
        assert await tries.begin("alice", ELSEWHERE, NOON) is None

    async def test_a_success_forgives_its_own_address_only(self) -> None:
        tries = await self.make(Lockout(attempts=2, total_attempts=3))
        await fail(tries, "alice", HERE)
        await fail(tries, "alice", THERE)
        one = await tries.begin("alice", HERE, NOON)
        assert one is not None
        await one.succeeded(NOON)
        await fail(tries, "alice", HERE)
        assert await tries.is_locked("alice", ELSEWHERE, NOON), "three failures in all"

    async def test_an_address_may_be_counted_over_all_names(self) -> None:
        tries = await self.make(Lockout(address_attempts=3))
        for name in ("alice", "bob", "carl"):
            await fail(tries, name)
        assert await tries.is_locked("dora", HERE, NOON)
        assert await tries.begin("dora", HERE, NOON) is None
        assert await tries.begin("alice", THERE, NOON) is not None
        # Who was refused for his address has not used up a try of the name.
        for _ in range(10):
            assert await tries.begin("dora", HERE, NOON) is None
        await fail(tries, "dora", THERE, 2)

    async def test_unlocking_forgets_failures_from_everywhere(self) -> None:
        tries = await self.make(Lockout(attempts=1, total_attempts=2))
        await fail(tries, "alice", HERE)
        await fail(tries, "alice", THERE)
        assert await tries.unlock("alice")
        assert not await tries.unlock("alice")
        assert await tries.locked(NOON) == {}
        assert not await tries.is_locked("alice", HERE, NOON)
        await fail(tries, "alice", ELSEWHERE)

    async def test_a_try_under_way_outlives_unlocking(self) -> None:
        tries = await self.make(Lockout(attempts=2))
        await fail(tries, "alice")
        assert await tries.begin("alice", HERE, NOON) is not None
        await tries.unlock("alice")
        assert await tries.begin("alice", HERE, NOON) is not None
        assert await tries.begin("alice", HERE, NOON) is None

    async def test_no_attempts_at_all_never_lock(self) -> None:
        tries = await self.make(Lockout(attempts=0, total_attempts=1, address_attempts=1))
        await fail(tries, "alice", times=10)
        assert not await tries.is_locked("alice", HERE, NOON)

    async def test_names_are_only_names(self) -> None:
        tries = await self.make(Lockout(attempts=1))
        odd = "Ünï\u4e2d\x00\ud800 'x"
        await fail(tries, odd, "a socket's name\x00 with 17 spaces")
        assert await tries.is_locked(odd, "a socket's name\x00 with 17 spaces", NOON)
        assert list(await tries.locked(NOON)) == [odd]
        assert await tries.unlock(odd)
