"""Marks of endings in Redis: all servers see them, and none stays for ever."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sessiongate.errors import StoreUnavailable, UnreadableRow
from sessiongate.session import Person
from sessiongate.store.ending_marks import EndingMark, ending_marks_of
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, T0
from tests.peers.redis import Redis
from tests.store.redis.test_store import settings

pytestmark = pytest.mark.peer

BOB = EndingMark(Person("local", "b\udcf6b"), T0 + timedelta(minutes=5))
ALL = EndingMark(Person("", ""), T0)


@pytest.fixture
async def stores(redis: Redis) -> AsyncIterator[list[RedisStore]]:
    """Two servers."""
    same = settings(redis.url)
    made = [RedisStore(same, LIMITS) for _ in range(2)]
    for one in made:
        await one.start()
    yield made
    for one in made:
        await one.close()


async def test_another_server_sees_what_was_put_until_it_is_removed(
    stores: list[RedisStore],
) -> None:
    here, there = (one.ending_marks for one in stores)
    assert await there.all() == []
    await here.put("a", BOB)
    await here.put("b", ALL)
    assert sorted(await there.all(), key=lambda one: one.until) == [ALL, BOB]
    await here.remove("a")
    await here.remove("never put")
    assert await there.all() == [ALL]


async def test_what_a_crashed_server_has_left_goes(stores: list[RedisStore]) -> None:
    marks = stores[0].ending_marks
    await marks.put("a", BOB)
    left = await stores[0]._calls.send("PTTL", stores[0]._keys.ending_marks)
    assert timedelta(minutes=59) < timedelta(milliseconds=left) <= timedelta(hours=1)


async def test_what_cannot_be_read_is_no_answer(stores: list[RedisStore]) -> None:
    await stores[0]._calls.send("HSET", stores[0]._keys.ending_marks, "a", b"\xc1")
    with pytest.raises(UnreadableRow):
        await stores[1].ending_marks.all()


async def test_a_store_that_is_closed_says_so(redis: Redis) -> None:
    store = RedisStore(settings(redis.url), LIMITS)
    assert ending_marks_of(store) is store.ending_marks
    with pytest.raises(StoreUnavailable):
        await store.ending_marks.all()
