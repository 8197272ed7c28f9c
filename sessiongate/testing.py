"""For tests of plugins and of what uses sessiongate: a clock and an identity provider that obey,
and the stores' promises.

A store of your own is tested by a subclass that says how to make one:

    class TestMine(StoreContract):
        async def make(self, limits: Limits) -> Store:
            return MyStore(limits)

The tests are async methods: run them with pytest-asyncio in auto mode. None of them sleeps.
"""
# ruff: noqa: S101 - asserting is what this module is for

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

from sessiongate.errors import BadCredentials, CapReached, IdentityUnavailable
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import Account, parse_account
from sessiongate.secret import Secret
from sessiongate.session import Caps, Ended, Limits, Principal, Session, Ticket
from sessiongate.store.port import NoticeStore, SessionStore, Store, TicketStore

T0 = datetime(2026, 1, 1, tzinfo=UTC)
"""When the stories of the contracts begin."""

TICK = timedelta(microseconds=1)
"""The smallest step of time: what separates a limit from the moment before it."""

LIMITS = Limits(idle=timedelta(minutes=30), total=timedelta(hours=12))
"""The limits of the stores in the contracts."""

NO_CAPS = Caps()

_numbers = count(1)


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime = T0) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time it was told."""
        return self._now

    def tick(self, by: timedelta) -> None:
        """Move on, or back where `by` is negative."""
        self._now += by

    def not_before(self, floor: datetime) -> None:
        """Move on to `floor` where that is later."""
        self._now = max(self._now, floor)


class FakeIdentity:
    """A provider that knows who was added. Set `outage`, and it can find out nothing."""

    def __init__(self, name: str = "local") -> None:
        self.name = name
        self.outage = False
        self.checks = 0
        """How often a password was looked at."""
        self._people: dict[str, tuple[str, Principal]] = {}
        self._tell: list[Callable[[str], None]] = []

    def add(self, name: str, password: str, *roles: str) -> Principal:
        """Add somebody, or change who was there; sessions of the latter are told to end."""
        principal = Principal(name, name, f"{name.title()} of {self.name}", roles, self.name)
        known = name in self._people
        self._people[name] = (password, principal)
        if known:
            self._changed(name)
        return principal

    def remove(self, name: str) -> None:
        """Forget somebody, whose sessions are told to end."""
        del self._people[name]
        self._changed(name)

    def _changed(self, name: str) -> None:
        for tell in self._tell:
            tell(name)

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is, or BadCredentials or IdentityUnavailable."""
        self.checks += 1
        principal = await self.find(account)
        if principal is None or password.reveal() != self._people[principal.name][0]:
            raise BadCredentials("unknown or wrong", known=principal is not None)
        return principal

    async def find(self, account: Account) -> Principal | None:
        """The account without a password check, or IdentityUnavailable."""
        if self.outage:
            raise IdentityUnavailable(f"{self.name} does not answer")
        known = self._people.get(account.canonical)
        return known[1] if known is not None else None

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with the name of each account that changes."""
        self._tell.append(tell)

    async def start(self) -> None:
        """Nothing to read."""

    async def close(self) -> None:
        """Nothing to let go of."""


def digest_of(text: str) -> bytes:
    """A digest as a store sees it."""
    return sha256(text.encode()).digest()


def a_session(token: str = "", *, principal: str = "ada", at: datetime = T0) -> Session:
    """A session of its own kind: give the token where the story uses it."""
    number = next(_numbers)
    return Session(
        digest=digest_of(token or f"token-{number}"),
        key=f"52000000-0000-4000-8000-{number:012x}",
        principal=principal,
        user_name=principal.title(),
        login_name=f"LAB\\{principal}",
        full_name=f"{principal.title()} Lovelace",
        roles=("operator", "auditor"),
        provider="local",
        dialect="vijson",
        locale="en_US",
        message_locale="en_US",
        extension=False,
        ip_address="192.0.2.7",
        user_agent="govc/0.50",
        login_at=at,
        active_at=at,
    )


async def everyone(store: SessionStore, now: datetime) -> dict[str, Session]:
    """All live sessions by key."""
    return {session.key: session async for session in store.list(now)}


class _Contract:
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


class StoreContract(_Contract):
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

    async def test_sec_75_whether_a_session_lives_is_said_without_touching_it(self) -> None:
        async with self.opened() as store:
            session = a_session("secret")
            await store.add(session, NO_CAPS)
            later = T0 + timedelta(minutes=5)
            assert await store.lives(session.digest, later)
            assert not await store.lives(digest_of("another"), later)
            assert not await store.lives(digest_of(session.key), later)
            found = await store.find(session.key, later)
            assert found is not None
            assert (found.active_at, found.call_count) == (T0, 0)
            other = a_session("other")
            await store.add(other, NO_CAPS)
            await store.end(other.key)
            assert not await store.lives(other.digest, later)
            assert not await store.lives(session.digest, T0 + LIMITS.idle)

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
            session.user_agent = session.full_name = odd
            session.roles = (odd, "")
            await store.add(session, NO_CAPS)
            assert await store.find(session.key, T0) == session
            async with self.reopened(store) as (second, _):
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


class TicketContract(_Contract):
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
                *(store.mark(digest_of("one"), until) for _ in range(50))
            )
            assert sorted(answers) == [False] * 49 + [True]
            assert await store.mark(digest_of("another"), until)

    async def test_sec_54_a_mark_is_no_ticket_and_no_session(self) -> None:
        async with self.opened() as store:
            assert await store.mark(digest_of("one"), T0 + timedelta(minutes=5))
            for kind in ("clone", "service", "local"):
                assert await store.take(digest_of("one"), kind, T0) is None
            assert await store.use(digest_of("one"), T0) is None
            assert not await store.mark(digest_of("one"), T0 + timedelta(minutes=5))

    async def test_sec_54_a_mark_stays_until_it_expires(self) -> None:
        async with self.opened() as store:
            until = T0 + timedelta(minutes=5)
            assert await store.mark(digest_of("one"), until)
            await store.expire(until - TICK, 10)
            assert not await store.mark(digest_of("one"), until)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert not await second.mark(digest_of("one"), until)

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


class GenerationContract(_Contract):
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


class NoticeContract(_Contract):
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


def a_ticket(kind: str = "clone", *, at: datetime = T0) -> Ticket:
    """A ticket that lives for a minute."""
    return Ticket(kind, "52000000-0000-4000-8000-000000000000", at + timedelta(seconds=60))


async def take_all(store: TicketStore, digest: bytes, takers: int) -> list[Ticket]:
    """What so many takers at once get of one ticket."""
    taken = await asyncio.gather(*(store.take(digest, "clone", T0) for _ in range(takers)))
    return [ticket for ticket in taken if ticket is not None]


async def message_of(store: NoticeStore) -> str:
    """The message."""
    return await store.message()


class ProviderContract:
    """The promises of an identity provider, as tests.

    Subclass it, say how to make a provider and who is known there, and it is tested:

        class TestMine(ProviderContract):
            known = ("ada", "her password")

            async def make(self) -> IdentityProvider:
                return MyProvider(...)

    `cut` makes the provider's source unreachable; leave it out for a provider that has none.
    """

    known: tuple[str, str]
    """Name and password of somebody who may log in."""
    unknown = "nobody-of-this-name"
    folded: tuple[str, str] | None = None
    """Name and password of somebody whose name our books change: `Weiß`, who is `weiss` there."""

    async def make(self) -> IdentityProvider:
        """A provider, not yet started."""
        raise NotImplementedError

    async def cut(self) -> bool:
        """Make the source of this provider unreachable. False where there is none."""
        return False

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[IdentityProvider]:
        provider = await self.make()
        await provider.start()
        try:
            yield provider
        finally:
            await provider.close()

    async def test_the_right_password_says_who_it_is(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            principal = await provider.authenticate(parse_account(name), Secret(password))
        assert principal.name == parse_account(principal.name).canonical
        assert principal.user_name
        assert principal.full_name
        assert principal.provider
        assert isinstance(principal.roles, tuple)

    async def test_sec_24_wrong_unknown_and_empty_are_one_refusal(self) -> None:
        name, password = self.known
        tries = [
            (name, password + "x"),
            (name, password[:-1]),
            (name, ""),
            (self.unknown, password),
            (self.unknown, ""),
        ]
        async with self._started() as provider:
            for who, secret in tries:
                try:
                    await provider.authenticate(parse_account(who), Secret(secret))
                except BadCredentials:
                    continue
                raise AssertionError("a wrong credential was let in")

    async def test_the_name_is_one_name_in_every_spelling(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            first = await provider.authenticate(parse_account(name), Secret(password))
            again = await provider.authenticate(parse_account(name.upper()), Secret(password))
        assert first.name == again.name

    async def test_a_name_is_asked_for_as_it_was_typed(self) -> None:
        if self.folded is None:
            return
        name, password = self.folded
        assert parse_account(name).user != name, "a name that is changed in our books"
        async with self._started() as provider:
            principal = await provider.authenticate(parse_account(name), Secret(password))
        assert principal.name == parse_account(principal.name).canonical

    async def test_two_at_once_are_not_mixed_up(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            outcomes = await asyncio.gather(
                *(
                    provider.authenticate(parse_account(who), Secret(password))
                    for who in [name, self.unknown] * 5
                ),
                return_exceptions=True,
            )
        assert all(isinstance(one, Principal) for one in outcomes[::2])
        assert all(isinstance(one, BadCredentials) for one in outcomes[1::2])

    async def test_whoever_is_unknown_is_not_found(self) -> None:
        async with self._started() as provider:
            assert await provider.find(parse_account(self.unknown)) is None

    async def test_the_event_loop_is_never_held_up(self) -> None:
        # A gap may be the busy machine's; a provider that blocks holds the loop up every time.
        stalls = []
        async with self._started() as provider:
            for _ in range(_STALL_TRIES):
                stalls.append(await self._longest_gap(provider))
                if stalls[-1] < LONGEST_STALL:
                    return
        raise AssertionError(f"the event loop was held up for {min(stalls):.3f} s at the least")

    async def _longest_gap(self, provider: IdentityProvider) -> float:
        """The longest time between two turns of the event loop during one check."""
        name, password = self.known
        loop = asyncio.get_running_loop()
        gaps = [0.0]

        async def watch() -> None:
            last = loop.time()
            while True:
                await asyncio.sleep(0)
                now = loop.time()
                gaps.append(now - last)
                last = now

        watcher = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await provider.authenticate(parse_account(name), Secret(password))
        await asyncio.sleep(0)  # one that never gave the loop a turn is seen only now
        watcher.cancel()
        return max(gaps)

    async def test_an_outage_is_no_refusal(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            if not await self.cut():
                return
            for secret in (password, "wrong"):
                try:
                    await provider.authenticate(parse_account(name), Secret(secret))
                except IdentityUnavailable:
                    continue
                raise AssertionError("an outage was taken for an answer")


_STALL_TRIES = 20

LONGEST_STALL = 0.05
"""Seconds: checks of thousands of sessions wait meanwhile."""
