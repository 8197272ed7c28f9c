"""Whose sessions are being ended, in Redis: a hash that goes when the last of its marks is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from sessiongate.errors import UnreadableRow
from sessiongate.session import Person
from sessiongate.store.encoding import micros, moment
from sessiongate.store.ending_marks import EndingMark
from sessiongate.store.redis.keys import RedisKeys, text, text_of
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.unreadable import DECODING

_KEPT = timedelta(hours=1)
"""Longer than any mark is of use. The hash goes so long after the last one was put."""


class RedisEndingMarks:
    """Marks that all servers share. `calls` gives a way to Redis, or raises."""

    def __init__(self, calls: Callable[[], Pipeline], keys: RedisKeys) -> None:
        self._calls = calls
        self._name = keys.ending_marks

    async def put(self, mark: str, ending: EndingMark) -> None:
        """Keep this one."""
        calls = self._calls()
        told = (micros(ending.until), *map(text, ending.whose))
        kept = calls.send("HSET", self._name, text(mark), msgspec.msgpack.encode(told))
        lasts = calls.send("PEXPIRE", self._name, _KEPT // timedelta(milliseconds=1))
        await kept
        await lasts

    async def remove(self, mark: str) -> None:
        """Forget it."""
        await self._calls().send("HDEL", self._name, text(mark))

    async def all(self) -> list[EndingMark]:
        """What there is."""
        found = await self._calls().send("HGETALL", self._name)
        rows = found.values() if isinstance(found, dict) else found[1::2]  # a Cluster's makes one
        return [_mark_from(row) for row in rows]


def _mark_from(found: bytes) -> EndingMark:
    try:
        told: Any = msgspec.msgpack.decode(found)
        until, provider, name = told
        return EndingMark(Person(text_of(provider), text_of(name)), moment(until))
    except DECODING as error:
        raise UnreadableRow(
            f"the mark of an ending cannot be read ({type(error).__name__})"
        ) from None
