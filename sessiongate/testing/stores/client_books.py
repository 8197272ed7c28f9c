"""What every store must keep of what clients have at an upstream: a suite to inherit from."""

import asyncio

from sessiongate.store.gateway_port import Changes, LeaseState, StayOutcome
from sessiongate.testing.stores.contract import Contract
from sessiongate.testing.stores.lease_users import (
    A_VIEW,
    NOW,
    book,
    contents_of,
    killed,
    use_of,
    used,
)


class ClientBookContract(Contract):
    """What every store promises about what clients have."""

    async def test_of_many_homes_one_is_the_clients(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            leases = [await used(store, "one") for _ in range(10)]
            answers = await asyncio.gather(
                *(books.enter("ada", f"one:{at}", one.id) for at, one in enumerate(leases))
            )
            assert {one.entry for one in answers} == {StayOutcome.IN}
            [home] = {one.home for one in answers}
            for lease in leases:
                at_home = await store.lease_users.clients(lease.id)
                assert at_home == (["ada"] if lease.id == home else [])

    async def test_sec_60_what_one_call_notes_the_next_one_knows(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            first = await books.enter("ada", "one:1", lease.id)
            assert (first.home, contents_of(first.book)) == (lease.id, book())
            opened = Changes(opened=(("v1", A_VIEW), ("v2", A_VIEW)), page=("p", NOW + 5))
            noted = await books.note("ada", lease.id, opened, first.version)
            assert noted.entry is StayOutcome.IN
            assert noted.version > first.version
            other = await books.enter("ada", "two:1", "another")
            assert (other.home, other.version) == (lease.id, noted.version)
            assert contents_of(other.book) == book("v1", "v2", p=NOW + 5)
            ended = Changes(ended=("v1", "p"), collector="c")
            later = await books.note("ada", lease.id, ended, other.version)
            third = await books.enter("ada", "one:2", "", known=noted.version)
            assert (third.home, third.version) == (lease.id, later.version)
            assert contents_of(third.book) == book("v2", collector="c")
            # Of another client, and at another upstream, nothing of it is known.
            assert contents_of((await books.enter("bob", "one:3", "")).book) == book()
            assert contents_of((await store.books("vc2").enter("ada", "one:4", "")).book) == book()

    async def test_sec_60_an_object_is_one_clients_until_it_is_over(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            entered = await books.enter("ada", "one:1", lease.id)
            changes = Changes(opened=(("v1", A_VIEW),), collector="c")
            noted = await books.note("ada", lease.id, changes, entered.version)
            for name in ("v1", "c"):
                answer = await books.enter("bob", "one:2", lease.id, names=("group-d1", name))
                assert (answer.entry, answer.foreign) == (StayOutcome.FOREIGN, name)
                own = await books.enter("ada", "one:3", lease.id, names=("group-d1", name))
                assert own.entry is StayOutcome.IN
            assert await store.lease_users.clients(lease.id) == ["ada"]
            await books.note("ada", lease.id, Changes(ended=("v1", "c")), noted.version)
            names = ["v1", "c", *map(str, range(3000))]
            assert (
                await books.enter("bob", "one:4", lease.id, names=names)
            ).entry is StayOutcome.IN

    async def test_the_first_collector_stays(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            first = await books.enter("ada", "one:1", lease.id)
            await books.note("ada", lease.id, Changes(collector="c1"), first.version)
            late = await books.note("ada", lease.id, Changes(collector="c2"), first.version)
            assert contents_of(late.book) == book(collector="c1")
            assert (await books.enter("bob", "one:2", "", names=("c2",))).entry is StayOutcome.IN

    async def test_sec_57_a_lease_alone_has_one_client(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one", "two")
            clients = [f"client-{number}" for number in range(20)]
            answers = await asyncio.gather(
                *(
                    books.enter(one, f"{('one', 'two')[at % 2]}:{at}", lease.id, exclusive=True)
                    for at, one in enumerate(clients)
                )
            )
            entries = [one.entry for one in answers]
            assert entries.count(StayOutcome.IN) == 1
            assert entries.count(StayOutcome.TAKEN) == 19
            at = entries.index(StayOutcome.IN)
            again = await books.enter(clients[at], "two:99", lease.id, exclusive=True)
            assert again.entry is StayOutcome.IN
            assert not await books.leave(clients[at], "two:99", lease.id, NOW)
            stay = f"{('one', 'two')[at % 2]}:{at}"
            assert await books.leave(clients[at], stay, lease.id, NOW)
            other = await books.enter(clients[at - 1], "two:100", lease.id, exclusive=True)
            assert other.entry is StayOutcome.IN

    async def test_a_lease_that_is_retired_takes_nobody_new(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            await books.enter("ada", "one:1", lease.id)
            await store.lease_users.retire(lease.id)
            assert (await books.enter("bob", "one:2", lease.id)).entry is StayOutcome.CLOSED
            assert (await books.enter("ada", "one:3", lease.id)).entry is StayOutcome.IN
            assert (await books.enter("bob", "one:4", "no such lease")).entry is StayOutcome.CLOSED

    async def test_sec_61_a_home_is_kept_for_what_is_in_it(self) -> None:
        async with self.opened() as store:
            books, clients = store.books("vc1"), store.lease_users.clients
            lease = await used(store, "one")
            entered = await books.enter("ada", "one:1", lease.id)
            changes = Changes(opened=(("v1", A_VIEW),), page=("p", NOW + 5))
            noted = await books.note("ada", lease.id, changes, entered.version)
            for stay in ("one:1", "one:1", ""):
                assert not await books.leave("ada", stay, lease.id, NOW)
            await books.enter("ada", "one:2", lease.id)
            await books.note("ada", lease.id, Changes(ended=("v1",)), noted.version)
            assert not await books.leave("ada", "one:2", lease.id, NOW + 4)
            assert await clients(lease.id) == ["ada"]
            await books.enter("ada", "one:3", lease.id)
            assert await books.leave("ada", "one:3", lease.id, NOW + 5), "its page is late"
            assert await clients(lease.id) == []
            late = await books.note("ada", lease.id, changes, noted.version)
            assert late.entry is StayOutcome.OVER

    async def test_sec_60_a_home_that_begins_anew_is_known_by_a_later_version(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            entered = await books.enter("ada", "one:1", lease.id)
            opened = Changes(opened=(("v1", A_VIEW),))
            noted = await books.note("ada", lease.id, opened, entered.version)
            ended = await books.note("ada", lease.id, Changes(ended=("v1",)), noted.version)
            assert await books.leave("ada", "one:1", lease.id, NOW)
            # Whoever remembers the book of before hears that it is over, and of the next one.
            looked = await books.enter("ada", "two:1", "", known=noted.version)
            assert (looked.home, contents_of(looked.book)) == ("", book())
            assert looked.version >= ended.version
            again = await books.enter("ada", "one:2", lease.id, known=ended.version)
            assert again.version > ended.version
            assert contents_of(again.book) == book()
            more = Changes(opened=(("v2", A_VIEW),))
            later = await books.note("ada", lease.id, more, again.version)
            assert later.version > again.version
            told = await books.enter("ada", "two:2", "", known=ended.version)
            assert contents_of(told.book) == book("v2")
            assert (await books.enter("bob", "two:3", "", names=("",))).entry is StayOutcome.IN

    async def test_sec_65_stays_of_the_killed_keep_no_home(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one", "two")
            await books.enter("ada", "one:1", lease.id)
            await books.enter("ada", "two:1", lease.id)
            assert not await books.leave("ada", "two:1", lease.id, NOW)
            await killed(store, "one")
            assert await books.leave("ada", "two:0", lease.id, NOW)
            assert await store.lease_users.clients(lease.id) == []

    async def test_sec_60_a_page_is_turned_once(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            entered = await books.enter("ada", "one:1", lease.id)
            for token in ("p", "q"):
                page = Changes(page=(token, NOW + 5))
                await books.note("ada", lease.id, page, entered.version)
            assert not await books.turn("bob", "two:1", "p", NOW)
            assert not await books.turn("ada", "one:2", "q", NOW + 5), "it is late"
            answers = await asyncio.gather(
                *(books.turn("ada", f"one:{at}", "p", NOW) for at in range(20))
            )
            assert sum(answers) == 1
            stay = f"one:{answers.index(True)}"
            assert await books.turn("ada", stay, "p", NOW), "asked again"
            found = await books.enter("ada", "one:98", "")
            assert contents_of(found.book) == book()
            await books.leave("ada", stay, lease.id, NOW)
            assert not await books.turn("ada", stay, "p", NOW)

    async def test_sec_61_what_a_client_had_is_cleared_once(self) -> None:
        async with self.opened() as store:
            books, clients = store.books("vc1"), store.lease_users.clients
            lease = await used(store, "one", "two", "three")
            entered = await books.enter("ada", "two:1", lease.id)
            noted = await books.note(
                "ada", lease.id, Changes(opened=(("v1", A_VIEW),), collector="c"), entered.version
            )
            cleared = await books.clear("ada", "one:1", NOW)
            assert cleared is not None
            assert (cleared.home, contents_of(cleared.book)) == (
                lease.id,
                book("v1", collector="c"),
            )
            assert await books.clear("ada", "three:1", NOW) is None
            # Nothing of it begins, and what was under way leaves nothing.
            assert (await books.enter("ada", "two:2", lease.id)).entry is StayOutcome.OVER
            late = Changes(opened=(("v2", A_VIEW),))
            assert (
                await books.note("ada", lease.id, late, noted.version)
            ).entry is StayOutcome.OVER
            assert not await books.leave("ada", "one:1", lease.id, NOW)
            assert await clients(lease.id) == ["ada"], "a call of its own is under way"
            assert await books.leave("ada", "two:1", lease.id, NOW)
            assert await clients(lease.id) == []
            assert (await books.enter("ada", "two:3", lease.id)).entry is StayOutcome.OVER
            free = await books.enter("bob", "two:4", lease.id, names=("v1", "c"))
            assert free.entry is StayOutcome.IN

    async def test_sec_61_of_many_who_clear_one_does(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            entered = await books.enter("ada", "one:1", lease.id)
            await books.note("ada", lease.id, Changes(collector="c"), entered.version)
            asked = (books.clear("ada", f"one:{at}", NOW) for at in range(2, 22))
            answers = await asyncio.gather(*asked)
            assert sum(one is not None for one in answers) == 1

    async def test_a_client_of_which_there_is_nothing_is_over_as_well(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")
            cleared = await books.clear("ada", "one:1", NOW)
            assert cleared is not None
            assert not cleared.home
            assert await books.clear("ada", "one:2", NOW) is None
            assert (await books.enter("ada", "one:3", lease.id)).entry is StayOutcome.OVER

    async def test_sec_65_what_a_killed_one_was_clearing_is_cleared_by_another(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one", "two")
            entered = await books.enter("ada", "one:1", lease.id)
            await books.note("ada", lease.id, Changes(collector="c"), entered.version)
            assert await books.clear("ada", "one:2", NOW) is not None
            await killed(store, "one")
            cleared = await books.clear("ada", "two:1", NOW)
            assert cleared is not None
            assert contents_of(cleared.book) == book(collector="c")
            assert await books.leave("ada", "two:1", lease.id, NOW)
            assert await store.lease_users.clients(lease.id) == []

    async def test_sec_63_a_lost_lease_takes_what_was_in_it(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease, other = await used(store, "one"), await used(store, "one")
            for client, where in (("ada", lease), ("bob", lease), ("eve", other)):
                entered = await books.enter(client, "one:1", where.id)
                if client != "bob":
                    name = Changes(opened=((f"{client}'s", A_VIEW),))
                    await books.note(client, where.id, name, entered.version)
            assert await books.lost(lease.id, "two") == ["ada"]
            assert await store.lease_users.clients(lease.id) == []
            found = await use_of(store, lease)
            assert found is not None
            assert found.state is LeaseState.LOST
            assert (await books.enter("ada", "one:2", other.id)).entry is StayOutcome.OVER
            # Whoever had nothing in it begins anew, and what others have is as it was.
            late = await books.note("bob", lease.id, Changes(collector="c"), 0)
            assert late.entry is StayOutcome.OVER
            moved = await books.enter("bob", "one:3", other.id, names=("ada's",))
            assert (moved.entry, moved.home) == (StayOutcome.IN, other.id)
            assert not await books.leave("bob", "one:1", other.id, NOW), "it has two stays"
            assert contents_of((await books.enter("eve", "one:4", "")).book) == book("eve's")
            cleared = await books.clear("ada", "one:5", NOW)
            assert cleared is not None
            assert not cleared.home

    async def test_who_is_untouched_would_be_let_in_without_a_home(self) -> None:
        async with self.opened() as store:
            books = store.books("vc1")
            lease = await used(store, "one")

            async def untouched(client: str, *names: str) -> bool:
                """What is said at once; that is a promise where it is True."""
                said = books.is_untouched(client, names)
                entered = await books.enter(client, "", "", names=names)
                let_in = entered.entry is StayOutcome.IN and not entered.home
                assert let_in or not said
                return said

            # Where other processes have books too, nobody can know at once.
            assert await untouched("ada", "v1", "group-d1") is not books.shared
            entered = await books.enter("ada", "one:1", lease.id)
            await books.note("ada", lease.id, Changes(opened=(("v1", A_VIEW),)), entered.version)
            assert not await untouched("ada")
            assert not await untouched("bob", "group-d1", "v1")
            assert await untouched("bob", "group-d1") is not books.shared
            await books.clear("ada", "one:2", NOW)
            assert not await untouched("ada")
            await books.leave("ada", "one:2", lease.id, NOW)
            assert not await untouched("ada"), "its session is over"
            assert await untouched("bob", "v1") is not books.shared
