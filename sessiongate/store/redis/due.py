"""Sessions whose limit may have come: each is looked at by one server, and ends there if it has."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from sessiongate.errors import StoreUnavailable, UnreadableRow
from sessiongate.store.encoding import EPOCH, micros
from sessiongate.store.port import Endings
from sessiongate.store.redis import keys as rows
from sessiongate.store.redis import scripts
from sessiongate.store.redis.pipeline import Pipeline

# For how long those that a server looks at are left alone by the others. Longer than a look can
# take; short, since what a server was looking at when it died is looked at again after it.
CLAIM = timedelta(seconds=10)

# For how long Redis is not asked again after it had no more that are due. A sweep asks a hundred
# times each second.
_NONE_FOR = timedelta(seconds=0.5)


class DueSessions:
    """Asks Redis which sessions are due, and ends those that are over."""

    def __init__(
        self,
        calls: Callable[[], Pipeline],
        keys: rows.RedisKeys,
        limits: tuple[int, ...],
        forget: Callable[[bytes], None],
    ) -> None:
        """`limits` as scripts take them; `forget` is told the digest of each that ends."""
        self._calls = calls
        self._keys = keys
        self._limits = limits
        self._forget = forget
        self._none_at = EPOCH
        """When Redis last had no more of them than were asked for."""

    def are_none(self, now: datetime) -> bool:
        """Whether Redis had none a moment ago."""
        return timedelta(0) <= now - self._none_at < _NONE_FOR

    async def end(self, now: datetime, at_most: int) -> Endings:
        """Look at some: end those that are over, and look later at others."""
        calls, keys = self._calls(), self._keys
        found = await calls.run(scripts.DUE, keys.book, micros(now), at_most, micros(now + CLAIM))
        places = [(found[at], found[at + 1][:32]) for at in range(0, len(found), 2)]
        if len(places) < at_most:
            self._none_at = now
        if not places:
            return []
        judge = (micros(now), *self._limits)
        asked = [
            calls.run(
                scripts.REAP,
                (keys.session(digest),),
                *judge,
                keys.channel,
                os.urandom(rows.NONCE),
            )
            for _, digest in places
        ]
        gone: list[bytes] = []
        later: list[bytes] = []
        ended: Endings = []
        for (key, digest), looked in zip(
            places, await asyncio.gather(*asked, return_exceptions=True), strict=True
        ):
            if isinstance(looked, BaseException):
                continue  # looked at again when the claim is over
            if looked[0] == 1:
                later += [key, looked[1]]
                continue
            gone.append(key)
            if looked[0] == 2:
                self._forget(digest)
                with suppress(UnreadableRow):  # its place is free all the same
                    ended.append((rows.session_from(digest, looked[2]), rows.REASONS[looked[1]]))
        with suppress(StoreUnavailable):  # they are over all the same
            await calls.run(scripts.SETTLE, keys.book, len(gone), *gone, *later)
        return ended
