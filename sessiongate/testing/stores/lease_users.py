"""What every store must keep about who uses leases, and of notes: suites to inherit from."""

import asyncio
from datetime import timedelta

from sessiongate.rules.relay import State
from sessiongate.store.gateway_port import Book, Changes, LeaseState, LeaseUse, Thing
from sessiongate.store.port import Store, StoredLease
from sessiongate.testing.stores.contract import Contract
from sessiongate.testing.stores.leases import a_lease, held_by

LASTING = timedelta(minutes=5)
"""For how long an instance of these suites counts as alive."""

NOW = 1_700_000_000.0

A_VIEW = Thing("ContainerView", State.VIEW, "")


async def living(store: Store, *instances: str) -> None:
    """Have these instances run."""
    for one in instances:
        await store.lease_users.beat(one, LASTING)


async def killed(store: Store, instance: str) -> None:
    """Have this one be heard of no more."""
    await store.lease_users.beat(instance, timedelta(0))


async def used(store: Store, *instances: str) -> StoredLease:
    """A lease that the first of these has reserved, and the others use."""
    await living(store, *instances)
    lease = held_by(a_lease(), instances[0])
    await store.leases.reserve(lease, 100)
    for one in instances[1:]:
        assert await store.lease_users.attach(lease.id, one) is LeaseState.OPEN
    return lease


async def use_of(store: Store, lease: StoredLease) -> LeaseUse | None:
    """Who uses this lease."""
    found = [one for one in await store.lease_users.look() if one.lease == lease.id]
    return found[0] if found else None


def book(*names: str, collector: str = "", **pages: float) -> tuple[object, ...]:
    """What a book is compared by."""
    return dict.fromkeys(names, A_VIEW), pages, collector


def contents_of(found: Book | None) -> tuple[object, ...] | None:
    """What stands in a book."""
    return None if found is None else (found.objects, found.pages, found.collector)


class LeaseUserContract(Contract):
    """What every store promises about who uses leases."""

    async def test_who_reserves_a_lease_uses_it_until_it_is_removed(self) -> None:
        async with self.opened() as store:
            lease = await used(store, "one")
            expected = LeaseUse(lease.id, LeaseState.OPEN, frozenset({"one"}), left=False)
            assert await store.lease_users.look() == [expected]
            await store.leases.remove(lease.id)
            assert await store.lease_users.look() == []
            assert await store.lease_users.attach(lease.id, "one") is None
            assert await store.lease_users.detach(lease.id, "one") is False, "it was removed"
            assert await store.lease_users.detach("never there", "one") is None

    async def test_sec_65_the_last_to_let_go_of_a_lease_has_to_end_it(self) -> None:
        async with self.opened() as store:
            users = store.lease_users
            lease = await used(store, "one", "two", "three")
            assert await users.detach(lease.id, "one") is False
            assert await users.detach(lease.id, "one") is False
            assert await users.detach(lease.id, "three") is False
            assert await users.detach(lease.id, "two")
            assert await users.detach(lease.id, "two"), "asked again"
            assert not await users.detach(lease.id, "one")
            found = await use_of(store, lease)
            assert found == LeaseUse(lease.id, LeaseState.ENDING, frozenset({"two"}), left=False)
            assert await users.attach(lease.id, "one") is None

    async def test_sec_65_of_many_who_let_go_at_once_one_ends_it(self) -> None:
        async with self.opened() as store:
            names = [f"instance-{number}" for number in range(20)]
            lease = await used(store, *names)
            users = store.lease_users
            answers = await asyncio.gather(*(users.detach(lease.id, one) for one in names))
            assert sorted(map(bool, answers)) == [False] * 19 + [True]

    async def test_what_is_retired_may_still_be_used(self) -> None:
        async with self.opened() as store:
            users = store.lease_users
            lease = await used(store, "one", "two")
            await users.retire(lease.id)
            await users.retire(lease.id)
            assert await users.attach(lease.id, "four", only_open=True) is None
            assert await users.attach(lease.id, "three") is LeaseState.RETIRED
            found = await use_of(store, lease)
            assert found is not None
            assert found.state is LeaseState.RETIRED
            assert "four" not in found.instances
            await users.retire("another")

    async def test_sec_65_a_killed_instance_keeps_no_lease(self) -> None:
        async with self.opened() as store:
            users = store.lease_users
            lease = await used(store, "one", "two")
            await killed(store, "one")
            found = await use_of(store, lease)
            assert found == LeaseUse(lease.id, LeaseState.OPEN, frozenset({"two"}), left=True)
            # Whoever uses it from now on has seen to what the killed one has left.
            assert await users.attach(lease.id, "two") is LeaseState.OPEN
            found = await use_of(store, lease)
            assert found == LeaseUse(lease.id, LeaseState.OPEN, frozenset({"two"}), left=False)
            assert await users.detach(lease.id, "two")

    async def test_sec_65_what_was_being_ended_is_ended_by_another(self) -> None:
        async with self.opened() as store:
            users = store.lease_users
            lease = await used(store, "one")
            assert await users.detach(lease.id, "one")
            await living(store, "two")
            assert not await users.detach(lease.id, "two")
            await killed(store, "one")
            assert await users.attach(lease.id, "two") is None
            assert await users.detach(lease.id, "two")
            assert not await users.detach(lease.id, "three")

    async def test_a_silent_instance_that_comes_back_lives(self) -> None:
        async with self.opened() as store:
            lease = await used(store, "one")
            await killed(store, "one")
            await living(store, "one")
            found = await use_of(store, lease)
            assert found == LeaseUse(lease.id, LeaseState.OPEN, frozenset({"one"}), left=False)

    async def test_a_lease_in_which_somebody_is_at_home_is_not_ended(self) -> None:
        async with self.opened() as store:
            users, books = store.lease_users, store.books("vc1")
            lease = await used(store, "one")
            await books.enter("ada", "one:1", lease.id)
            assert await users.clients(lease.id) == ["ada"]
            found = await use_of(store, lease)
            assert found is not None
            assert found.homes == 1
            assert not await users.detach(lease.id, "one")
            assert await users.attach(lease.id, "one") is LeaseState.OPEN
            assert await books.leave("ada", "one:1", lease.id, NOW)
            assert await users.clients(lease.id) == []
            assert await users.detach(lease.id, "one")

    async def test_sec_65_a_stop_ends_a_lease_despite_homes_where_nobody_else_uses_it(self) -> None:
        async with self.opened() as store:
            users, books = store.lease_users, store.books("vc1")
            lease = await used(store, "one", "two")
            entered = await books.enter("ada", "one:1", lease.id)
            await books.note("ada", lease.id, Changes(collector="c"), entered.version)
            assert not await users.detach(lease.id, "one", despite_homes=True)
            assert not await users.detach(lease.id, "two", despite_homes=True, ends=False)
            assert await users.attach(lease.id, "two") is LeaseState.OPEN
            assert await users.detach(lease.id, "two", despite_homes=True)
            assert await books.lost(lease.id, "two") == ["ada"]


class NoteContract(Contract):
    """What every store promises about notes of upstreams."""

    async def test_a_note_stays_until_it_is_replaced(self) -> None:
        async with self.opened() as store:
            notes = store.notes("vc1")
            assert await notes.all() == {}
            for topic, text in (("standing", "open 1"), ("other", "ü"), ("standing", "paused 2")):
                await notes.put(topic, text)
            assert await store.notes("vc1").all() == {"standing": "paused 2", "other": "ü"}
            assert await store.notes("vc2").all() == {}
