"""What counters of failed tries must keep, wherever they are: a suite to inherit from."""

import asyncio
from datetime import timedelta

from sessiongate.rules.lockout import LATELY, Policy
from sessiongate.store.port import AttemptStore
from sessiongate.testing.clock import T0, TICK

MINUTE = timedelta(minutes=1)
HERE, THERE, ELSEWHERE = "192.0.2.1", "2001:db8::1", "198.51.100.1"

Policies = tuple[Policy, Policy, Policy]
"""Of a name from one address, of a name from anywhere, of an address whatever the name."""


def policies(attempts: int = 5, total: int | None = None, address: int = 0) -> Policies:
    """So many failures within three minutes lock for five; 20 times those of a name in all."""
    most = (attempts, 20 * attempts if total is None else total, address)
    one, every, place = (Policy(count, 3 * MINUTE, 5 * MINUTE) for count in most)
    return one, every, place


async def fail(tries: AttemptStore, name: str, address: str = HERE, times: int = 1) -> None:
    """Begin so many tries at `T0`, each of which fails at once."""
    for _ in range(times):
        one = await tries.begin(name, address, T0)
        assert one is not None
        await one.failed(T0)


class AttemptsContract:
    """What the counters of every store promise, and of the guard itself where a store has none."""

    async def make(self, policies: Policies) -> AttemptStore:
        """Counters of these policies that hold nothing against anybody. Yours to write."""
        raise NotImplementedError

    async def test_the_failure_that_fills_the_window_locks(self) -> None:
        tries = await self.make(policies())
        await fail(tries, "alice", times=4)
        assert not await tries.is_locked("alice", HERE, T0)
        await fail(tries, "alice")
        assert await tries.is_locked("alice", HERE, T0)
        assert await tries.begin("alice", HERE, T0) is None
        assert not await tries.is_locked("alice", THERE, T0)
        assert not await tries.is_locked("bob", HERE, T0)
        assert await tries.locked(T0) == {"alice": T0 + 5 * MINUTE}
        until = T0 + 5 * MINUTE
        assert await tries.is_locked("alice", HERE, until - TICK)
        assert not await tries.is_locked("alice", HERE, until)
        assert await tries.begin("alice", HERE, until) is not None
        assert await tries.locked(until) == {}

    async def test_sec_76_a_try_says_whether_its_name_has_come_in_from_there(self) -> None:
        kinds = (policies(), policies(total=0), policies(address=9))
        for number, kind in enumerate(kinds):
            name = f"alice{number}"
            tries = await self.make(kind)
            first = await tries.begin(name, HERE, T0)
            assert first is not None
            assert not first.returning
            await first.succeeded(T0)
            found = []
            for who, address, at in (
                (name, HERE, T0),
                (name, THERE, T0),
                ("bob", HERE, T0),
                (name, HERE, T0 + LATELY),
            ):
                one = await tries.begin(who, address, at)
                assert one is not None
                found.append(one.returning)
                await one.unknown(at)
            assert found == [True, False, False, False], kind

    async def test_failures_older_than_the_window_do_not_count(self) -> None:
        tries = await self.make(policies(2))
        await fail(tries, "alice")
        later = T0 + 3 * MINUTE
        one = await tries.begin("alice", HERE, later)
        assert one is not None
        await one.failed(later)
        assert not await tries.is_locked("alice", HERE, later)

    async def test_sec_23_tries_under_way_count_as_if_they_had_failed(self) -> None:
        tries = await self.make(policies())
        begun = await asyncio.gather(*(tries.begin("alice", HERE, T0) for _ in range(100)))
        places = [one for one in begun if one is not None]
        assert len(places) == 5
        await places[0].unknown(T0)
        assert await tries.begin("alice", HERE, T0) is not None
        assert await tries.begin("alice", HERE, T0) is None

    async def test_sec_25_a_pair_locks_first_and_the_name_much_later(self) -> None:
        tries = await self.make(policies(2, total=6))
        for number in range(3):
            assert not await tries.is_locked("alice", ELSEWHERE, T0)
            await fail(tries, "alice", f"192.0.2.{number}", 2)
        assert await tries.is_locked("alice", ELSEWHERE, T0)
        assert await tries.begin("alice", ELSEWHERE, T0) is None

    async def test_a_success_forgives_its_own_address_only(self) -> None:
        tries = await self.make(policies(2, total=3))
        await fail(tries, "alice", HERE)
        await fail(tries, "alice", THERE)
        one = await tries.begin("alice", HERE, T0)
        assert one is not None
        await one.succeeded(T0)
        await fail(tries, "alice", "203.0.113.9")
        assert await tries.is_locked("alice", ELSEWHERE, T0), "three failures in all"

    async def test_an_address_may_be_counted_over_all_names(self) -> None:
        tries = await self.make(policies(address=3))
        for name in ("alice", "bob", "carl"):
            await fail(tries, name)
        assert await tries.is_locked("dora", HERE, T0)
        assert await tries.begin("dora", HERE, T0) is None
        assert await tries.begin("alice", THERE, T0) is not None
        # Who was refused for his address has not used up a try of the name.
        for _ in range(10):
            assert await tries.begin("dora", HERE, T0) is None
        await fail(tries, "dora", THERE, 2)

    async def test_sec_77_a_further_name_costs_its_address_nothing(self) -> None:
        tries = await self.make(policies(3, address=4))
        for _ in range(3):
            first = await tries.begin("alias", HERE, T0)
            second = await tries.begin("person", HERE, T0, further=True)
            assert first is not None
            assert second is not None
            await first.failed(T0)
            await second.failed(T0)
        assert await tries.is_locked("person", HERE, T0)
        assert await tries.begin("person", HERE, T0, further=True) is None
        await fail(tries, "bob")
        assert await tries.is_locked("carl", HERE, T0), "four of the address"

    async def test_unlocking_forgets_failures_from_everywhere(self) -> None:
        tries = await self.make(policies(1, total=2))
        await fail(tries, "alice", HERE)
        await fail(tries, "alice", THERE)
        assert await tries.unlock("alice", T0)
        assert not await tries.unlock("alice", T0)
        assert await tries.locked(T0) == {}
        assert not await tries.is_locked("alice", HERE, T0)
        await fail(tries, "alice", ELSEWHERE)

    async def test_a_try_under_way_outlives_unlocking(self) -> None:
        tries = await self.make(policies(2))
        await fail(tries, "alice")
        assert await tries.begin("alice", HERE, T0) is not None
        await tries.unlock("alice", T0)
        assert await tries.begin("alice", HERE, T0) is not None
        assert await tries.begin("alice", HERE, T0) is None

    async def test_no_attempts_at_all_never_lock(self) -> None:
        tries = await self.make(policies(0, 0, 0))
        await fail(tries, "alice", times=10)
        assert not await tries.is_locked("alice", HERE, T0)

    async def test_names_are_only_names(self) -> None:
        tries = await self.make(policies(1))
        odd = "Ünï\u4e2d\x00\ud800 'x"
        await fail(tries, odd, "a socket's name\x00 with 17 spaces")
        assert await tries.is_locked(odd, "a socket's name\x00 with 17 spaces", T0)
        assert list(await tries.locked(T0)) == [odd]
        assert await tries.unlock(odd, T0)

    async def test_sec_82_an_owner_comes_in_from_where_he_came_in_lately(self) -> None:
        tries = await self.make(policies(2, total=6))
        one = await tries.begin("alice", "2001:db8:0:7::1", T0 - LATELY + TICK)
        assert one is not None
        await one.succeeded(T0 - LATELY + TICK)
        for number in range(3):
            await fail(tries, "alice", f"192.0.2.{number}", 2)
        assert await tries.is_locked("alice", ELSEWHERE, T0)
        assert await tries.begin("alice", ELSEWHERE, T0) is None
        # The network that is one host; it has the tries of an address, and adds none to the total.
        assert not await tries.is_locked("alice", "2001:db8:0:7::abcd", T0)
        assert await tries.is_locked("alice", "2001:db8:0:8::1", T0)
        await fail(tries, "alice", "2001:db8:0:7::abcd", 2)
        assert await tries.is_locked("alice", "2001:db8:0:7::1", T0)
        assert not await tries.is_locked("bob", ELSEWHERE, T0)

    async def test_sec_82_a_known_address_is_outside_the_total_from_the_beginning(self) -> None:
        tries = await self.make(policies(3, total=3))
        await tries.welcome("alice", HERE, T0)
        await fail(tries, "alice", HERE, 2)
        # Nor do those under way count there, or one who hangs would shut out the others.
        assert await tries.begin("alice", HERE, T0) is not None
        assert await tries.begin("alice", HERE, T0) is None
        await fail(tries, "alice", THERE, 2)
        assert not await tries.is_locked("alice", ELSEWHERE, T0)
        await fail(tries, "alice", THERE)
        assert await tries.is_locked("alice", ELSEWHERE, T0)

    async def test_sec_25_an_owners_logins_do_not_forgive_a_guesser_beside_him(self) -> None:
        tries = await self.make(policies(3, total=7))
        guesses = 0
        for _ in range(20):
            await tries.welcome("alice", HERE, T0)
            for _ in range(2):
                if (guess := await tries.begin("alice", HERE, T0)) is not None:
                    guesses += 1
                    await guess.failed(T0)
            if (owner := await tries.begin("alice", HERE, T0)) is not None:
                await owner.succeeded(T0)
        assert guesses == 7
        assert await tries.is_locked("alice", HERE, T0)
        assert await tries.locked(T0) == {"alice": T0 + 5 * MINUTE}
        # It is a lock of that address: neither of others that are known nor of strangers.
        await tries.welcome("alice", THERE, T0)
        assert not await tries.is_locked("alice", THERE, T0)
        assert not await tries.is_locked("alice", ELSEWHERE, T0)
        assert not await tries.is_locked("alice", HERE, T0 + 5 * MINUTE)
        assert await tries.unlock("alice", T0)
        await fail(tries, "alice", HERE)

    async def test_sec_23_tries_under_way_from_a_known_address_count_as_if_they_had_failed(
        self,
    ) -> None:
        tries = await self.make(policies(9, total=4))
        await tries.welcome("alice", HERE, T0)
        begun = await asyncio.gather(*(tries.begin("alice", HERE, T0) for _ in range(20)))
        assert sum(one is not None for one in begun) == 4

    async def test_sec_82_a_success_of_long_ago_or_of_another_name_is_none(self) -> None:
        tries = await self.make(policies(total=5))
        await tries.welcome("alice", THERE, T0 - LATELY)
        await tries.welcome("bob", THERE, T0)
        await fail(tries, "alice", HERE, 5)
        assert await tries.is_locked("alice", THERE, T0)

    async def test_sec_82_known_addresses_are_bounded_and_the_latest_stay(self) -> None:
        tries = await self.make(policies(total=5))
        for number in range(40):
            await tries.welcome("alice", f"192.0.2.{number}", T0 + number * TICK)
        await fail(tries, "alice", HERE.replace("192", "193"), 5)
        late = T0 + 40 * TICK
        locked = [await tries.is_locked("alice", f"192.0.2.{number}", late) for number in range(40)]
        assert locked == [True] * 24 + [False] * 16

    async def test_sec_82_unlocking_does_not_forget_from_where_a_name_came_in(self) -> None:
        tries = await self.make(policies(total=5))
        await tries.welcome("alice", THERE, T0)
        await fail(tries, "alice", HERE, 5)
        assert await tries.unlock("alice", T0)
        await fail(tries, "alice", HERE, 5)
        assert not await tries.is_locked("alice", THERE, T0)

    async def test_sec_84_no_number_of_other_names_frees_a_guesser(self) -> None:
        tries = await self.make(policies())
        for guess in range(5):
            await fail(tries, "alice")
            for number in range(300):
                await fail(tries, f"stranger{guess}-{number}")
        assert await tries.is_locked("alice", HERE, T0)
        assert await tries.begin("alice", HERE, T0) is None
