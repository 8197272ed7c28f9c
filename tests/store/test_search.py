"""The search for sessions: the same over a table that looks for itself and over a plain list."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random

import msgspec

from sessiongate.session import Session
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.search import (
    FoundSessions,
    Place,
    SessionSearch,
    Sortable,
    revision_of,
    searched,
)
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import LIMITS, NO_CAPS, a_session
from tests.each import each

CHANCE = Random(81)
NOW = T0 + timedelta(minutes=29)


class Plain:
    """A store that lists, and does not search."""

    def __init__(self, inner: MemoryStore) -> None:
        self._inner = inner

    def list(self, now: datetime) -> AsyncIterator[Session]:
        return self._inner.list(now)


async def kept(count: int) -> tuple[MemoryStore, list[Session]]:
    """A store of so many, logged in in no order, some of them over at `NOW`."""
    store = MemoryStore(LIMITS)
    made = []
    for number in range(count):
        at = T0 + timedelta(seconds=CHANCE.randrange(-3000, 1700))
        used = min(at + timedelta(seconds=CHANCE.randrange(0, 2000)), NOW)
        one = msgspec.structs.replace(
            a_session(principal=f"user{number % 3}", at=at), active_at=used
        )
        await store.add(one, NO_CAPS)
        made.append(one)
    return store, [one for one in made if NOW - one.active_at < LIMITS.idle]


def keys(found: FoundSessions) -> list[str]:
    return [one.key for one in found.sessions]


def place(one: Session) -> Place:
    return one.login_at, one.key


@each("plain", [False, True])
async def test_all_that_fit_are_found_where_they_are_few(plain: bool) -> None:
    store, alive = await kept(300)
    wanted = SessionSearch(lambda one: one.principal == "user1", exact=300)
    found = await searched(Plain(store) if plain else store, wanted, NOW)
    assert sorted(keys(found)) == sorted(one.key for one in alive if one.principal == "user1")
    assert not found.more


@each("plain", [False, True])
async def test_of_too_many_the_newest_logins_are_found_from_any_place_on(plain: bool) -> None:
    store, alive = await kept(400)
    ordered = sorted(alive, key=place, reverse=True)
    before = None
    seen: list[str] = []
    while len(seen) < 60:
        wanted = SessionSearch(lambda _: True, before=before, exact=30, newest=20)
        found = await searched(Plain(store) if plain else store, wanted, NOW)
        assert found.more
        seen += keys(found)
        before = place(found.sessions[-1])
    assert seen == [one.key for one in ordered[:60]]


@each("plain", [False, True])
async def test_what_was_used_later_does_not_fit(plain: bool) -> None:
    store, alive = await kept(200)
    since = NOW - timedelta(minutes=10)
    wanted = SessionSearch(lambda _: True, unused_since=since)
    found = await searched(Plain(store) if plain else store, wanted, NOW)
    assert sorted(keys(found)) == sorted(one.key for one in alive if one.active_at <= since)


@each("plain", [False, True])
async def test_those_of_one_name_are_found_without_a_look_at_anybody_elses(plain: bool) -> None:
    store, alive = await kept(300)
    asked: list[str] = []

    def fits(one: Session) -> bool:
        asked.append(one.principal)
        return True

    wanted = SessionSearch(fits, "user1")
    found = await searched(Plain(store) if plain else store, wanted, NOW)
    mine = [one.key for one in alive if one.principal == "user1"]
    assert sorted(keys(found)) == sorted(mine)
    assert (found.total, found.more) == (len(mine), False)
    assert set(asked) == {"user1"}
    everybody = await searched(store, SessionSearch(name="user1"), NOW)
    assert sorted(keys(everybody)) == sorted(mine)


async def test_of_a_name_with_too_many_the_newest_are_found_in_order() -> None:
    store, alive = await kept(300)
    wanted = SessionSearch(name="user1", exact=10, newest=20)
    found = await searched(store, wanted, NOW)
    mine = [one for one in alive if one.principal == "user1"]
    assert keys(found) == [one.key for one in sorted(mine, key=place, reverse=True)[:20]]
    assert (found.total, found.more) == (10, True)


@each("plain", [False, True])
async def test_few_are_put_in_any_order_and_handed_out_from_any_place_on(plain: bool) -> None:
    store, alive = await kept(300)
    source = Plain(store) if plain else store

    def used(one: Sortable) -> Place:
        return one.active_at, one.key

    ordered = sorted(alive, key=used, reverse=True)
    first = await searched(source, SessionSearch(order=used, newest=20), NOW)
    after = used(first.sessions[-1])
    second = await searched(source, SessionSearch(order=used, newest=20, after=after), NOW)
    assert keys(first) + keys(second) == [one.key for one in ordered[:40]]
    assert first.total == second.total == len(alive)


async def test_where_all_are_wanted_no_more_are_looked_at_than_are_shown() -> None:
    store, alive = await kept(5_000)
    ordered = sorted(alive, key=place, reverse=True)
    found = await searched(store, SessionSearch(exact=1_000, newest=50), NOW)
    assert keys(found) == [one.key for one in ordered[:50]]
    assert (found.total, found.more) == (1_000, True)


async def test_others_have_their_turn_while_each_row_is_of_another_client() -> None:
    store = MemoryStore(LIMITS)
    for number in range(3_000):
        one = msgspec.structs.replace(a_session(), ip_address=f"client {number}")
        await store.add(one, NO_CAPS)
    turn, judged = 0, Counter[int]()

    async def turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def fits(_: Session) -> bool:
        judged[turn] += 1
        return True

    others = asyncio.create_task(turns())
    await searched(store, SessionSearch(fits), T0)
    others.cancel()
    assert judged.total() == 3_000
    assert max(judged.values()) <= 500


async def test_the_revision_is_another_after_whatever_a_list_would_show() -> None:
    store = MemoryStore(LIMITS)
    one = a_session()
    seen = [revision_of(store)]
    await store.add(one, NO_CAPS)
    seen.append(revision_of(store))
    await store.use(one.digest, T0)
    seen.append(revision_of(store))
    await store.change(msgspec.structs.replace(one, locale="de"))
    seen.append(revision_of(store))
    await store.peek(one.digest, T0)
    assert revision_of(store) == seen[-1]
    await store.end(one.key)
    seen.append(revision_of(store))
    await store.add(a_session(at=T0), NO_CAPS)
    seen.append(revision_of(store))
    await store.expire(T0 + LIMITS.idle + timedelta(seconds=2), 10)
    seen.append(revision_of(store))
    assert len(set(seen)) == len(seen)
    assert revision_of(Plain(store)) is None


async def test_a_session_has_the_key_and_digest_of_its_own() -> None:
    store, alive = await kept(20)
    found = await searched(store, SessionSearch(lambda _: True), NOW)
    by_key = {one.key: one for one in alive}
    assert all(by_key[one.key].digest == one.digest for one in found.sessions)
    assert len(by_key) == len(found.sessions)
