"""The audit in Redis, read from outside: servers may be adding to it meanwhile.

It is read in pages, and each page comes with the chain's head and its anchor of the same moment.
Where events were deleted between two pages, the reading begins again after the new anchor.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Self

import msgspec

from sessiongate.errors import StoreUnavailable
from sessiongate.rules.audit_chain import (
    LARGEST,
    START,
    Chain,
    ChainVerdict,
    Link,
    read_anchor,
    read_link,
    read_number,
    verify,
)
from sessiongate.store.embedded.schema import moment_in
from sessiongate.store.redis.client import RedisClients, RedisSettings
from sessiongate.store.redis.keys import RedisKeys
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.store.redis.scripts import READ

# About 150 KB, and some milliseconds of Redis' time.
_PAGE = 500

# Events are deleted once a second at most, and a page takes milliseconds.
_TRIES = 5


class _Page(msgspec.Struct, frozen=True):
    anchor: tuple[int, bytes]
    newest: int
    since: datetime | None
    links: list[Link]


class _DeletedMeanwhile(Exception):
    """Events that were still to be read have been deleted."""


class RedisAuditReader:
    """The audit under one prefix. Use it as a context manager; every method asks Redis.

    They raise StoreUnavailable. Not for use inside an event loop.
    """

    def __init__(self, settings: RedisSettings) -> None:
        keys = RedisKeys(settings.prefix)
        self._keys = {chain: keys.chain(chain) for chain in Chain}
        self._servers = RedisClients(settings)
        self._timeout = settings.timeout.total_seconds()
        self._runner = asyncio.Runner()
        self._calls: Pipeline | None = None

    def __enter__(self) -> Self:
        self._runner.__enter__()
        self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._close())
        finally:
            self._runner.close()

    def tail(self, count: int, chain: Chain = Chain.DECISIONS) -> list[Link]:
        """The last events of a chain, oldest first."""
        return self.before(None, count, chain)

    def before(self, number: int | None, count: int, chain: Chain = Chain.DECISIONS) -> list[Link]:
        """At most so many events before the one of this number, oldest first."""
        for _ in range(_TRIES):
            now = self._page(chain, 0, 0)
            until = now.newest if number is None else min(number - 1, now.newest)
            try:
                return list(self._links(chain, max(now.anchor[0], until - count), until))
            except _DeletedMeanwhile:
                continue
        raise _too_fast()

    def all(self, chain: Chain = Chain.DECISIONS) -> Iterator[Link]:
        """Every event of a chain, oldest first. What is deleted meanwhile is left out."""
        now = self._page(chain, 0, 0)
        after = now.anchor[0]
        while after < now.newest:
            try:
                for one in self._links(chain, after, now.newest):
                    yield one
                    after = one.number
            except _DeletedMeanwhile:
                after = self._page(chain, 0, 0).anchor[0]
            else:
                return

    def verify(
        self,
        known_head: bytes | None = None,
        chain: Chain = Chain.DECISIONS,
        weigh: Callable[[bytes], int] = lambda _: 0,
    ) -> ChainVerdict:
        """Whether every event is as it was written, none is missing, and all are in order."""
        for _ in range(_TRIES):
            now = self._page(chain, 0, 0)
            links = self._links(chain, now.anchor[0], now.newest)
            try:
                return verify(links, now.anchor, now.newest, known_head, weigh)
            except _DeletedMeanwhile:
                continue
        raise _too_fast()

    def since(self, chain: Chain = Chain.DECISIONS) -> datetime | None:
        """Since when events have been deleted. None for never, and where nobody has noted it."""
        return self._page(chain, 0, 0).since

    def _links(self, chain: Chain, after: int, until: int) -> Iterator[Link]:
        """Events after this number, as far as they stand there. Raises _DeletedMeanwhile."""
        while True:
            page = self._page(chain, after, _PAGE)
            if page.anchor[0] > after:
                raise _DeletedMeanwhile
            for one in page.links:
                if one.number > until:
                    return
                yield one
            if len(page.links) < _PAGE:
                return
            after = page.links[-1].number

    def _page(self, chain: Chain, after: int, count: int) -> _Page:
        return self._runner.run(self._ask(chain, after, count))

    async def _ask(self, chain: Chain, after: int, count: int) -> _Page:
        if self._calls is None:
            raise StoreUnavailable("the audit is not open")
        told = await self._calls.run(READ, self._keys[chain], after, count)
        anchor, anchored, newest, since, *rest = told
        links = [
            read_link(rest[at].partition(b"-")[0], rest[at + 1], rest[at + 2])
            for at in range(0, len(rest), 3)
        ]
        number = read_number(newest, LARGEST)
        return _Page(read_anchor(anchor, anchored or START), number, moment_in(since), links)

    async def _open(self) -> None:
        self._calls = Pipeline(self._servers.open(), self._servers.name, self._timeout, quiet=True)

    async def _close(self) -> None:
        calls, self._calls = self._calls, None
        if calls is not None:
            await calls.close()
        await self._servers.close()


def _too_fast() -> StoreUnavailable:
    return StoreUnavailable("events are deleted faster than they can be read; try again")
