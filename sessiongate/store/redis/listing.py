"""All live sessions, or those of one name: some at a time, each asked of its own slot."""

import asyncio
from collections.abc import AsyncIterator

from sessiongate.errors import UnreadableRow
from sessiongate.session import Session
from sessiongate.store.redis import keys as rows
from sessiongate.store.redis import scripts
from sessiongate.store.redis.pipeline import Pipeline


async def listed(
    calls: Pipeline, keys: rows.RedisKeys, judge: tuple[int, ...], name: str | None
) -> AsyncIterator[Session]:
    """Those whose principal is this in lower case, or all.

    The index says whose a session is, so that nobody else's are asked for. `judge` is what scripts
    take to tell the living: the time, and the limits. What cannot be read is left out.
    """
    # A table that Redis makes smaller meanwhile may name a session twice.
    told: set[bytes] = set()
    async for held in calls.scan(keys.places):
        new = [
            (key, digest)
            for key, place in held.items()
            if (digest := place[:32]) not in told
            and (name is None or rows.name_in(place).lower() == name)
        ]
        told.update(digest for _, digest in new)
        asked = [calls.run(scripts.FIND, (keys.session(one),), *judge) for _, one in new]
        found = await asyncio.gather(*asked, return_exceptions=True)
        for (key, digest), row in zip(new, found, strict=True):
            if isinstance(row, UnreadableRow):
                continue  # the log has it
            if isinstance(row, BaseException):
                raise row
            try:
                session = rows.session_of_key(digest, rows.text_of(key), row)
            except UnreadableRow as error:
                calls.unreadable(str(error))
                continue
            if session is not None:
                yield session
