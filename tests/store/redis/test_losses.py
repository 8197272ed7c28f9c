"""A real Redis that loses everything: told once by each server, with why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.losses import LOOK_EVERY
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, NO_CAPS, T0, a_session
from tests.peers.redis import Redis
from tests.until import until

pytestmark = pytest.mark.peer

ALL = "the store has lost everything"


@asynccontextmanager
async def opened(url: str, *, password: str = "", cache: bool = False) -> AsyncIterator[RedisStore]:
    secret = Secret(password) if password else None
    store = RedisStore(RedisSettings(parse_redis(url), password=secret, cache=cache), LIMITS)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def losses(store: RedisStore) -> float:
    return store.counts()["sessiongate_store_losses_total"]


def partial_losses(store: RedisStore) -> float:
    return store.counts()["sessiongate_store_partial_losses_total"]


async def looked(*stores: RedisStore) -> list[Any]:
    """What they say at a look."""
    with capture_logs() as lines:
        for store in stores:
            assert store._losses is not None
            await store._losses.look()
    return [line for line in lines if line["event"].startswith("the store has lost")]


async def test_one_that_is_emptied_while_it_runs_is_told_of_once_by_each_server(own: Redis) -> None:
    async with opened(own.url, cache=True) as one, opened(own.url) as other:
        session = a_session()
        await one.add(session, NO_CAPS)
        assert await one.use(session.digest, T0) is not None
        assert await looked(one, other) == []
        own.ask("FLUSHALL")
        lines = await looked(one, other)
        assert [line["log_level"] for line in lines] == ["warning"] * 2
        assert all(line["event"].startswith(ALL) for line in lines)
        assert all("emptied while it ran (FLUSHALL, FLUSHDB)" in line["why"] for line in lines)
        # Also what this process remembers.
        assert await one.use(session.digest, T0) is None
        assert await looked(one, other, one) == []
        assert (losses(one), losses(other)) == (1, 1)


async def test_one_that_has_come_back_empty_is_told_of(own: Redis) -> None:
    async with opened(own.url) as store:
        await store.add(a_session(), NO_CAPS)
        own.stop()
        for kept in own.folder.rglob("appendonly*"):
            if kept.is_file():
                kept.unlink()
        own.start()
        [line] = await looked(store)
        assert "restarted, or another has taken its place" in line["why"]
        assert "appendonly yes" in line["why"]
        assert losses(store) == 1


async def test_one_that_has_come_back_with_its_data_has_lost_nothing(own: Redis) -> None:
    async with opened(own.url) as store:
        session = a_session()
        await store.add(session, NO_CAPS)
        own.kill()
        own.start()
        assert await looked(store) == []
        assert await store.use(session.digest, T0) is not None
        assert losses(store) == 0


async def test_a_mark_that_is_gone_while_sessions_are_there_is_no_loss_of_everything(
    own: Redis,
) -> None:
    """A Redis that throws keys away may do so with the mark; so may a copy from before it."""
    async with opened(own.url, cache=True) as one, opened(own.url) as other:
        session = a_session()
        await one.add(session, NO_CAPS)
        assert await looked(one, other) == []
        own.ask("DEL", "sg:{book}:mark")
        [line] = await looked(one, other)
        assert line["log_level"] == "warning"
        assert "older copy" in line["event"]
        assert (losses(one), losses(other)) == (0, 0)
        assert (partial_losses(one), partial_losses(other)) == (1, 0)
        assert await one.use(session.digest, T0) is not None
        assert await looked(one, other) == []


async def test_a_new_mark_of_another_server_is_no_loss_of_everything_either(own: Redis) -> None:
    async with opened(own.url) as one:
        await one.add(a_session(), NO_CAPS)
        assert await looked(one) == []
        own.ask("DEL", "sg:{book}:mark")
        async with opened(own.url) as other:
            assert (losses(other), partial_losses(other)) == (0, 0)
            [line] = await looked(one)
            assert "older copy" in line["event"]
            assert await looked(one, other) == []


async def test_sessions_that_are_opened_after_a_loss_hide_nothing(own: Redis) -> None:
    async with opened(own.url) as one, opened(own.url) as other:
        await one.add(a_session(), NO_CAPS)
        assert await looked(one, other) == []
        own.ask("FLUSHALL")
        await one.add(a_session("late"), NO_CAPS)
        lines = await looked(one, other)
        assert [line["event"].startswith(ALL) for line in lines] == [True, True]


async def test_a_close_that_is_cancelled_is_cancelled(own: Redis) -> None:
    """It waits for the look under way, and takes its own end for no other's."""
    async with opened(own.url) as store:
        held = store._losses
        assert held is not None
        begun = asyncio.Event()

        async def slow() -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        await held.close()
        held._looking = asyncio.create_task(slow())
        await begun.wait()
        closing = asyncio.create_task(held.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


async def test_where_it_may_not_be_asked_which_run_it_is_both_causes_are_named(own: Redis) -> None:
    rights = "+@read +@write +@scripting +@pubsub +@connection +wait"
    own.ask("ACL", "SETUSER", "gate", "on", ">secret", "~sg:*", "&sg:*", *rights.split())
    url = own.url.replace("redis://", "redis://gate@")
    async with opened(url, password="secret") as store:
        own.ask("FLUSHALL")
        [line] = await looked(store)
        assert "emptied, or came back without its data" in line["why"]


async def test_it_is_looked_at_by_itself(own: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LOOK_EVERY == 10.0
    monkeypatch.setattr("sessiongate.store.redis.losses.LOOK_EVERY", 0.01)
    async with opened(own.url) as store:
        own.ask("FLUSHALL")
        await until(lambda: losses(store) == 1)
