"""Notes about upstreams in Redis, a hash for each upstream."""

from collections.abc import Callable

from sessiongate.store.redis.keys import RedisKeys, text_of
from sessiongate.store.redis.keys import text as bytes_of
from sessiongate.store.redis.pipeline import Pipeline


class RedisNotes:
    """Texts by topic, which all servers share. `calls` gives a way to Redis, or raises."""

    def __init__(self, calls: Callable[[], Pipeline], keys: RedisKeys, upstream: str) -> None:
        self._calls = calls
        self._name = keys.notes(upstream)

    async def put(self, topic: str, text: str) -> None:
        """Keep this text."""
        await self._calls().send("HSET", self._name, bytes_of(topic), bytes_of(text))

    async def all(self) -> dict[str, str]:
        """What there is."""
        found = await self._calls().send("HGETALL", self._name)
        if isinstance(found, dict):  # a Cluster's client makes one of it
            return {text_of(topic): text_of(told) for topic, told in found.items()}
        return dict(zip(map(text_of, found[::2]), map(text_of, found[1::2]), strict=True))
