"""The search for sessions: the same over a table that looks for itself and over a plain list."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random

import msgspec

from sessiongate.session import Session
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.search import FoundSessions, SessionSearch, searched
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


def place(one: Session) -> tuple[datetime, str]:
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


async def test_a_session_has_the_key_and_digest_of_its_own() -> None:
    store, alive = await kept(20)
    found = await searched(store, SessionSearch(lambda _: True), NOW)
    by_key = {one.key: one for one in alive}
    assert all(by_key[one.key].digest == one.digest for one in found.sessions)
    assert len(by_key) == len(found.sessions)
