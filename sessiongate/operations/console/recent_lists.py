"""Lists that were made a moment ago: polls get them again, so that tabs cost a tenth of the time.

A store that many processes share has to be asked for each session, which takes seconds for a
hundred thousand. Whoever loads a page has it made anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from sessiongate.clock import Clock
from sessiongate.operations.console.session_lines import ListedSessions

_SHARE = 9
"""So many times as long as it took to make a list it is the one that polls get."""

_MOST = 32
"""Lists that are kept, of some fifty sessions each."""


class _MadeList(msgspec.Struct, frozen=True):
    found: ListedSessions
    began: datetime
    until: datetime


class RecentLists:
    """Keeps them by what was asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lists: dict[str, _MadeList] = {}
        self._turn = asyncio.Lock()

    async def of(
        self, asked: str, make: Callable[[], Awaitable[ListedSessions]], *, polls: bool
    ) -> ListedSessions:
        """The list of what was asked for. Polls make one at a time."""
        if not polls:
            return await self._make(asked, make)
        async with self._turn:
            kept = self._lists.get(asked)
            if kept is not None and kept.began <= self._clock.now() < kept.until:
                return kept.found
            return await self._make(asked, make)

    async def _make(
        self, asked: str, make: Callable[[], Awaitable[ListedSessions]]
    ) -> ListedSessions:
        began = self._clock.now()
        found = await make()
        took = max(timedelta(0), self._clock.now() - began)
        self._lists.pop(asked, None)
        if len(self._lists) >= _MOST:
            del self._lists[next(iter(self._lists))]
        self._lists[asked] = _MadeList(found, began, began + took + _SHARE * took)
        return found
