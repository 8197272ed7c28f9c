"""What every store must keep about leases: a suite to inherit from."""

import asyncio
from datetime import timedelta
from itertools import count

import msgspec

from sessiongate.errors import CapReached
from sessiongate.store.port import SERVICE, LeaseStore, StoredLease
from sessiongate.testing.clock import T0
from sessiongate.testing.stores.contract import Contract

_numbers = count(1)


def a_lease(account: str = SERVICE, *, upstream: str = "vc1", sealed: bytes = b"") -> StoredLease:
    """A lease of its own kind."""
    number = next(_numbers)
    return StoredLease(
        id=f"1ea5e000-0000-4000-8000-{number:012x}",
        upstream=upstream,
        account=account,
        opened_at=T0 + timedelta(microseconds=number),
        holder="node1",
        sealed=sealed,
    )


def sealed(lease: StoredLease, what: bytes) -> StoredLease:
    """The same lease with these credentials."""
    return msgspec.structs.replace(lease, sealed=what)


def held_by(lease: StoredLease, holder: str) -> StoredLease:
    """The same lease in other hands."""
    return msgspec.structs.replace(lease, holder=holder)


async def all_leases(leases: LeaseStore) -> dict[str, StoredLease]:
    """All leases by id; none of them twice."""
    found = await leases.all()
    by_id = {lease.id: lease for lease in found}
    assert len(by_id) == len(found)
    return by_id


async def refused(leases: LeaseStore, lease: StoredLease, most: int) -> bool:
    """Whether there is no room for this lease."""
    found: CapReached | None = None
    try:
        await leases.reserve(lease, most)
    except CapReached as full:
        found = full
    if found is not None:
        assert (found.scope, found.limit, found.principal) == ("upstream", most, lease.account)
    return found is not None


class LeaseContract(Contract):
    """What every store promises about leases."""

    async def test_a_lease_is_there_from_its_reservation_until_it_is_removed(self) -> None:
        async with self.opened() as store:
            leases = store.leases
            assert await leases.all() == []
            lease = a_lease()
            await leases.reserve(lease, 1)
            assert await leases.all() == [lease]
            ready = sealed(lease, b"\x00 secret \xff")
            assert await leases.replace(lease, ready)
            assert await leases.all() == [ready]
            other = a_lease()
            await leases.reserve(other, 2)
            assert await leases.find(lease.id) == ready
            assert await leases.find(other.id) == other
            await leases.remove(other.id)
            await leases.remove(lease.id)
            assert await leases.all() == []
            assert await leases.find(lease.id) is None
            await leases.remove(lease.id)

    async def test_sec_57_of_many_reservations_at_once_as_many_are_kept_as_may_be(self) -> None:
        async with self.opened() as store:
            leases = [a_lease() for _ in range(100)]
            answers = await asyncio.gather(*(refused(store.leases, one, 10) for one in leases))
            assert sum(answers) == 90
            kept = {one.id for one, no in zip(leases, answers, strict=True) if not no}
            assert set(await all_leases(store.leases)) == kept

    async def test_sec_57_a_cap_is_of_one_account_at_one_upstream(self) -> None:
        async with self.opened() as store:
            leases = store.leases
            whose = [("vc1", SERVICE), ("vc1", "local/ada"), ("vc2", SERVICE), ("vc2", "local/ada")]
            for upstream, account in whose:
                assert not await refused(leases, a_lease(account, upstream=upstream), 1)
            for upstream, account in whose:
                assert await refused(leases, a_lease(account, upstream=upstream), 1)
            # Names that run together are two all the same.
            assert not await refused(leases, a_lease("1", upstream="vc"), 1)
            assert not await refused(leases, a_lease("", upstream="vc1"), 1)
            assert await refused(leases, a_lease("another"), 0)

    async def test_sec_57_what_is_removed_makes_room_once(self) -> None:
        async with self.opened() as store:
            leases = store.leases
            first, second = a_lease(), a_lease()
            await leases.reserve(first, 2)
            await leases.reserve(second, 2)
            assert await refused(leases, a_lease(), 2)
            await asyncio.gather(*(leases.remove(first.id) for _ in range(10)))
            assert not await refused(leases, a_lease(), 2)
            assert await refused(leases, a_lease(), 2)
            # Where there may be fewer than there are, none is ended for it.
            assert await refused(leases, a_lease(), 1)
            assert len(await leases.all()) == 2

    async def test_a_lease_that_is_gone_does_not_come_back(self) -> None:
        """As when a login took so long that somebody has cleared its reservation away."""
        async with self.opened() as store:
            lease = a_lease()
            await store.leases.reserve(lease, 1)
            await store.leases.remove(lease.id)
            assert not await store.leases.replace(lease, sealed(lease, b"late"))
            assert await store.leases.all() == []
            assert not await refused(store.leases, a_lease(), 1)

    async def test_of_many_who_take_a_lease_over_one_gets_it(self) -> None:
        async with self.opened() as store:
            lease = a_lease(sealed=b"x")
            await store.leases.reserve(lease, 1)
            takers = [held_by(lease, f"node{number}") for number in range(2, 52)]
            answers = await asyncio.gather(*(store.leases.replace(lease, one) for one in takers))
            [winner] = [one for one, won in zip(takers, answers, strict=True) if won]
            assert await store.leases.all() == [winner]

    async def test_what_is_so_already_may_be_said_again(self) -> None:
        async with self.opened() as store:
            lease = a_lease()
            ready = sealed(lease, b"x")
            await store.leases.reserve(lease, 1)
            assert await store.leases.replace(lease, ready)
            assert await store.leases.replace(lease, ready)
            assert not await store.leases.replace(lease, sealed(lease, b"y"))
            assert await store.leases.all() == [ready]

    async def test_ids_are_never_taken_twice_and_facts_stay(self) -> None:
        async with self.opened() as store:
            lease = a_lease()
            await store.leases.reserve(lease, 10)
            for other in ({"account": "local/ada"}, {"upstream": "vc2"}, {"holder": "node2"}):
                twin = msgspec.structs.replace(lease, **other)
                try:
                    await store.leases.reserve(twin, 10)
                except ValueError:
                    continue
                raise AssertionError(f"{twin} has the id of another")
            for other in ({"account": "local/ada"}, {"upstream": "vc2"}, {"id": a_lease().id}):
                try:
                    await store.leases.replace(lease, msgspec.structs.replace(lease, **other))
                except ValueError:
                    continue
                raise AssertionError(f"{other} has changed")
            assert await store.leases.all() == [lease]

    async def test_leases_come_back_as_they_went_in(self) -> None:
        odd = "Ünï\u4e2d\"\ud800'); DROP TABLE lease; --"
        async with self.opened() as store:
            one = a_lease(f"corp/{odd}")
            other = held_by(a_lease(f"{odd}\x00", sealed=bytes(range(256)) * 40), odd)
            for lease in (one, other):
                await store.leases.reserve(lease, 1)
            ready = sealed(one, b"\x00")
            assert await store.leases.replace(one, ready)
            assert await all_leases(store.leases) == {one.id: ready, other.id: other}
            await store.leases.remove(other.id)
            await store.leases.reserve(other, 1)
            assert await all_leases(store.leases) == {one.id: ready, other.id: other}

    async def test_many_leases_are_all_there(self) -> None:
        async with self.opened() as store:
            leases = [a_lease(f"local/user{number}", sealed=b"x" * 600) for number in range(600)]
            await asyncio.gather(*(store.leases.reserve(one, 1) for one in leases))
            assert await all_leases(store.leases) == {one.id: one for one in leases}

    async def test_sec_65_leases_are_there_after_a_restart_and_count(self) -> None:
        async with self.opened() as store:
            waiting, ready, gone = a_lease(), a_lease(), a_lease()
            for lease in (waiting, ready, gone):
                await store.leases.reserve(lease, 3)
            used = held_by(sealed(ready, b"x"), "node2")
            assert await store.leases.replace(ready, sealed(ready, b"w"))
            assert await store.leases.replace(sealed(ready, b"w"), used)
            await store.leases.remove(gone.id)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    leases = second.leases
                    assert await all_leases(leases) == {waiting.id: waiting, ready.id: used}
                    assert await leases.replace(used, sealed(used, b"y"))
                    assert await refused(leases, a_lease(), 2)
                    assert not await refused(leases, a_lease(), 3)

    async def test_sec_93_what_is_printed_of_a_lease_has_nothing_sealed(self) -> None:
        lease = a_lease(sealed=b"sealed")
        assert "sealed" not in f"{lease} {lease!r}"
        assert lease.id in repr(lease)
