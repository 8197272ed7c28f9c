"""What every store must keep: suites to inherit from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sessiongate.errors import CapReached
from sessiongate.session import Caps, Ended, Limits, Session, Ticket
from sessiongate.store.port import NoticeStore, Store, TicketStore
from sessiongate.testing.clock import T0, TICK
from sessiongate.testing.sessions import LIMITS, NO_CAPS, a_session, a_ticket, digest_of, everyone


class Contract:
    """How a suite makes its stores."""

    async def make(self, limits: Limits) -> Store:
        """A new, empty store of these limits, not yet started. Yours to write."""
        raise NotImplementedError

    async def again(self, store: Store) -> Store | None:
        """A second store on what the first, now closed, has left; None where nothing is left."""
        del store
        return None

    @asynccontextmanager
    async def opened(self, limits: Limits = LIMITS) -> AsyncIterator[Store]:
        """A started store, closed after the story."""
        store = await self.make(limits)
        await store.start()
        try:
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def reopened(self, store: Store) -> AsyncIterator[tuple[Store | None, datetime | None]]:
        """The store after a restart and the time it has seen; None where it keeps nothing."""
        await store.close()
        second = await self.again(store)
        if second is None:
            yield None, None
            return
        seen = await second.start()
        try:
            yield second, seen
        finally:
            await second.close()


class StoreContract(Contract):
    """What every store promises about sessions."""

    async def test_a_session_is_found_by_digest_and_by_key(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            found = await store.find(session.key, T0)
            assert found == session
            used = await store.use(digest_of("secret"), T0)
            assert used is not None
            assert used.key == session.key
            assert used.roles == ("operator", "auditor")
            assert await store.use(digest_of("another"), T0) is None
            assert await store.find("no such key", T0) is None

    async def test_a_key_is_no_credential(self) -> None:
        async with self.opened() as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            assert await store.use(digest_of(session.key), T0) is None

    async def test_use_touches_and_find_does_not(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            later = T0 + timedelta(minutes=5)
            await store.use(session.digest, later)
            await store.use(session.digest, later - timedelta(minutes=1))
            found = await store.find(session.key, later)
            assert found is not None
            assert (found.active_at, found.call_count, found.login_at) == (later, 2, T0)

    async def test_sec_07_75_a_session_is_looked_at_without_touching_it(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            later = T0 + timedelta(minutes=5)
            seen = await store.peek(session.digest, later)
            assert seen is not None
            assert (seen.key, seen.principal) == (session.key, session.principal)
            assert await store.peek(digest_of("another"), later) is None
            assert await store.peek(digest_of(session.key), later) is None
            found = await store.find(session.key, later)
            assert found is not None
            assert (found.active_at, found.call_count) == (T0, 0)
            other = a_session("other")
            await store.add(other, NO_CAPS)
            await store.end(other.key)
            assert await store.peek(other.digest, later) is None
            assert await store.peek(session.digest, T0 + LIMITS.idle) is None

    async def test_what_is_handed_out_may_be_changed_at_will(self) -> None:
        async with self.opened() as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            used = await store.use(session.digest, T0)
            assert used is not None
            kept = used.locale
            used.locale = session.locale = "de_DE"
            assert await store.change(used)
            found = await store.find(session.key, T0)
            assert found is not None
            assert kept == "en_US"
            assert found.locale == "de_DE"

    async def test_strings_come_back_as_they_went_in(self) -> None:
        odd = "Ünï\u4e2d\x00\"\ud800'); DROP TABLE session; --"
        async with self.opened() as store:
            session = a_session()
            session.user_agent = session.full_name = session.upstream = odd
            session.roles = (odd, "")
            await store.add(session, NO_CAPS)
            assert await store.find(session.key, T0) == session
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await second.find(session.key, T0) == session

    async def test_the_upstream_that_a_session_is_for_stays_with_it(self) -> None:
        async with self.opened() as store:
            none, one, other = a_session(), a_session(), a_session()
            one.upstream, other.upstream = "vc1", "vc@2"
            for session in (none, one, other):
                await store.add(session, NO_CAPS)
            other.locale = "de"
            assert await store.change(other)
            for session in (none, one, other):
                assert await store.find(session.key, T0) == session
            async with self.reopened(store) as (second, _):
                for session in (none, one, other):
                    if second is not None:
                        assert await second.find(session.key, T0) == session

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

    async def test_sec_15_two_hundred_logins_at_once_leave_as_many_as_the_cap(self) -> None:
        for caps, scope in ((Caps(total=50), "total"), (Caps(per_principal=50), "principal")):
            async with self.opened() as store:
                results = await asyncio.gather(
                    *(store.add(a_session(), caps) for _ in range(200)), return_exceptions=True
                )
                refused = [one for one in results if one is not None]
                assert len(refused) == 150
                for one in refused:
                    assert isinstance(one, CapReached)
                    assert (one.scope, one.limit, one.principal) == (scope, 50, "ada")
                assert len(await everyone(store, T0)) == 50

    async def test_sec_15_a_cap_per_principal_leaves_room_for_others(self) -> None:
        caps = Caps(per_principal=1)
        async with self.opened() as store:
            first = a_session(principal="ada")
            await store.add(first, caps)
            await store.add(a_session(principal="bob"), caps)
            assert await self.refused(store, a_session(principal="ada"), caps) == "principal"
            await store.end(first.key)
            await store.add(a_session(principal="ada"), caps)

    async def test_sec_88_a_cap_counts_by_provider_and_name(self) -> None:
        """An issuer that names somebody `ada` uses up nothing of the local ada's."""
        caps = Caps(per_principal=1)
        theirs = a_session(principal="ada")
        theirs.provider = "issuer"
        async with self.opened() as store:
            await store.add(theirs, caps)
            ours = a_session(principal="ada")
            await store.add(ours, caps)
            assert await self.refused(store, a_session(principal="ada"), caps) == "principal"
            # Who becomes somebody at another provider is counted there.
            moved = a_session(principal="ada")
            moved.digest, moved.key, moved.provider = ours.digest, ours.key, "corp"
            assert await store.change(moved)
            assert await self.refused(store, a_session(principal="ada"), caps) == ""
            await store.end(theirs.key)
            again = a_session(principal="ada")
            again.provider = "issuer"
            assert await self.refused(store, again, caps) == ""
            async with self.reopened(store) as (second, _):
                if second is not None:
                    for provider in ("issuer", "corp", "local"):
                        one = a_session(principal="ada")
                        one.provider = provider
                        assert await self.refused(second, one, caps) == "principal", provider

    async def test_sec_15_expired_sessions_make_room(self) -> None:
        caps = Caps(total=1)
        async with self.opened() as store:
            await store.add(a_session(), caps)
            later = T0 + LIMITS.idle + timedelta(seconds=2)
            assert len(await store.expire(later, 10)) == 1
            await store.add(a_session(at=later), caps)
            assert await self.refused(store, a_session(at=later), caps) == "total"

    async def refused(self, store: Store, session: Session, caps: Caps) -> str:
        """Which cap refuses this session, "" for none."""
        try:
            await store.add(session, caps)
        except CapReached as full:
            return full.scope
        return ""

    async def test_change_moves_facts_and_nothing_else(self) -> None:
        caps = Caps(per_principal=1)
        async with self.opened() as store:
            session = a_session(principal="ada")
            await store.add(session, caps)
            used = await store.use(session.digest, T0 + timedelta(minutes=1))
            assert used is not None
            stale = a_session(principal="bob")
            stale.digest, stale.key, stale.roles = session.digest, session.key, ("user",)
            assert await store.change(stale)
            found = await store.find(session.key, T0)
            assert found is not None
            assert (found.principal, found.roles) == ("bob", ("user",))
            assert (found.active_at, found.call_count) == (used.active_at, 1)
            # The caps count who it is now.
            assert await self.refused(store, a_session(principal="bob"), caps) == "principal"
            assert await self.refused(store, a_session(principal="ada"), caps) == ""
            await store.end(session.key)
            assert not await store.change(stale)
            assert await store.find(session.key, T0) is None

    async def test_list_bears_with_change(self) -> None:
        async with self.opened() as store:
            sessions = [a_session() for _ in range(300)]
            await asyncio.gather(*(store.add(one, NO_CAPS) for one in sessions))
            listed: set[str] = set()
            async for session in store.list(T0):
                listed.add(session.key)
                if len(listed) == 1:
                    rest = [one for one in sessions if one.key != session.key]
                    await asyncio.gather(
                        *(store.end(one.key) for one in rest[:100]),
                        *(store.add(a_session(), NO_CAPS) for _ in range(100)),
                    )
            assert {one.key for one in rest[100:]} <= listed
            assert len(await everyone(store, T0)) == 300

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

    async def test_close_is_idempotent(self) -> None:
        async with self.opened() as store:
            await store.close()
            await store.close()


class TicketContract(Contract):
    """What every store promises about tickets."""

    async def test_sec_16_of_fifty_who_take_a_ticket_one_gets_it(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("ticket"), ticket)
            taken = await take_all(store, digest_of("ticket"), 50)
            assert taken == [ticket]
            assert await store.take(digest_of("ticket"), "clone", T0) is None

    async def test_sec_16_a_ticket_is_no_session(self) -> None:
        async with self.opened() as store:
            await store.put(digest_of("ticket"), a_ticket())
            assert await store.use(digest_of("ticket"), T0) is None
            assert await everyone(store, T0) == {}

    async def test_sec_16_the_wrong_kind_neither_gets_nor_uses_it(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("ticket"), ticket)
            assert await store.take(digest_of("ticket"), "local", T0) is None
            assert await store.take(digest_of("ticket"), "clone", T0) == ticket

    async def test_sec_16_a_ticket_is_over_at_its_limit_and_stays_over(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("early"), ticket)
            await store.put(digest_of("late"), ticket)
            assert await store.take(digest_of("early"), "clone", ticket.expires_at - TICK) == ticket
            assert await store.take(digest_of("late"), "clone", ticket.expires_at) is None
            await store.expire(ticket.expires_at, 10)
            assert await store.take(digest_of("late"), "clone", T0) is None

    async def test_sec_54_of_fifty_who_set_a_mark_one_is_the_first(self) -> None:
        async with self.opened() as store:
            until = T0 + timedelta(minutes=5)
            answers = await asyncio.gather(
                *(store.claim_once(digest_of("one"), until) for _ in range(50))
            )
            assert sorted(answers) == [False] * 49 + [True]
            assert await store.claim_once(digest_of("another"), until)

    async def test_sec_54_a_mark_is_no_ticket_and_no_session(self) -> None:
        async with self.opened() as store:
            assert await store.claim_once(digest_of("one"), T0 + timedelta(minutes=5))
            for kind in ("clone", "service", "local"):
                assert await store.take(digest_of("one"), kind, T0) is None
            assert await store.use(digest_of("one"), T0) is None
            assert not await store.claim_once(digest_of("one"), T0 + timedelta(minutes=5))

    async def test_sec_54_a_mark_stays_until_it_expires(self) -> None:
        async with self.opened() as store:
            until = T0 + timedelta(minutes=5)
            assert await store.claim_once(digest_of("one"), until)
            await store.expire(until - TICK, 10)
            assert not await store.claim_once(digest_of("one"), until)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert not await second.claim_once(digest_of("one"), until)

    async def test_sec_16_tickets_stay_used_and_unused_after_a_restart(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("used"), ticket)
            await store.put(digest_of("unused"), ticket)
            await store.take(digest_of("used"), "clone", T0)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await second.take(digest_of("used"), "clone", T0) is None
                    assert await second.take(digest_of("unused"), "clone", T0) == ticket


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


class NoticeContract(Contract):
    """What every store promises about the message."""

    async def test_there_is_no_message_at_first(self) -> None:
        async with self.opened() as store:
            assert await message_of(store) == ""

    async def test_the_last_message_stays(self) -> None:
        async with self.opened() as store:
            await store.set_message("Maintenance at noon")
            await store.set_message("Maintenance at one – „bald“")
            assert await message_of(store) == "Maintenance at one – „bald“"
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await message_of(second) == "Maintenance at one – „bald“"
                    await second.set_message("")
                    assert await message_of(second) == ""


async def take_all(store: TicketStore, digest: bytes, takers: int) -> list[Ticket]:
    """What so many takers at once get of one ticket."""
    taken = await asyncio.gather(*(store.take(digest, "clone", T0) for _ in range(takers)))
    return [ticket for ticket in taken if ticket is not None]


async def message_of(store: NoticeStore) -> str:
    """The message."""
    return await store.message()
