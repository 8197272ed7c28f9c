"""The search through a table of sessions: each client is judged once, and each row by its times."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sessiongate.session import Session
from sessiongate.store.embedded.table import SHARDS, SessionTable, session_of
from sessiongate.store.embedded.wheel import SessionRecord
from sessiongate.store.search import FoundSessions, PageCollector, SessionSearch

_STEP = 1_000
"""Rows until others get their turn: half a millisecond. More turns would hold up more checks, each
by one: a list whose every turn is short makes many of them late."""

_AT_ONCE = 250
"""Rows between two looks at that: each may be of a client that is yet to be judged."""

_JUDGED = 5
"""In rows, what it costs to judge a client."""

_BEGUN = 64
"""Of each part of the table, so many rows are looked at before all of it is taken in hand."""


async def search_table(table: SessionTable, search: SessionSearch, now: datetime) -> FoundSessions:
    """The live sessions that fit.

    Where all are wanted, those past their limits that nobody has noticed yet count too.
    """
    look = _SearchUnderWay(table, search, now)
    named = table.of_name(search.name) if search.name is not None else None
    if named is not None:
        await _all_of(look, named, ordered=False)
    else:
        for number in range(SHARDS):
            begun = table.newest(number, _BEGUN)
            if look.through(begun) and len(begun) == _BEGUN:
                await _all_of(look, table.newest(number)[_BEGUN:])
            await look.rest()
    return FoundSessions(await _sessions(look.found.results()), look.found.more, look.found.total)


async def _all_of(
    look: "_SearchUnderWay", rows: Sequence[SessionRecord], *, ordered: bool = True
) -> None:
    for first in range(0, len(rows), _AT_ONCE):
        if not look.through(rows[first : first + _AT_ONCE], ordered=ordered):
            return
        await look.rest()


async def _sessions(record: Sequence[SessionRecord]) -> list[Session]:
    sessions: list[Session] = []
    for first in range(0, len(record), _STEP):
        if first:
            await asyncio.sleep(0)
        sessions += map(session_of, record[first : first + _STEP])
    return sessions


class _SearchUnderWay:
    """One search under way."""

    def __init__(self, table: SessionTable, search: SessionSearch, now: datetime) -> None:
        self.found: PageCollector[SessionRecord] = PageCollector(
            search, more=search.counts_all() and table.total > search.exact
        )
        self._search = search
        self._fits = _fits_of(search)
        self._opened, self._used = table.oldest_alive(now)
        # By the identity of the facts, which are held here so that no other object gets it.
        self._judged: dict[int, tuple[Session, bool]] = {}
        self._spent = 0

    async def rest(self) -> None:
        """Let others have their turn, if it is time."""
        if self._spent >= _STEP:
            self._spent = 0
            await asyncio.sleep(0)

    def through(self, rows: Sequence[SessionRecord], *, ordered: bool = True) -> bool:
        """Take what fits of these. False if all that follow are too old to change anything.

        `ordered`: the newest logins come first.
        """
        found, judged, fits = self.found, self._judged, self._fits
        opened, used, unused = self._opened, self._used, self._search.unused_since
        oldest, known = found.oldest, len(judged)
        goes_on = True
        for record in rows:
            if ordered and oldest is not None and record.login_at < oldest:
                goes_on = False
                break
            if fits is not None:
                facts = record.facts
                verdict = judged.get(id(facts))
                if verdict is None:
                    verdict = judged[id(facts)] = facts, fits(facts)
                if not verdict[1]:
                    continue
            if record.second == 0 or record.active_at <= used or record.login_at <= opened:
                continue
            if unused is None or record.active_at <= unused:
                found.add(record)
                oldest = found.oldest
        self._spent += len(rows) + _JUDGED * (len(judged) - known)
        return goes_on


def _fits_of(search: SessionSearch) -> Callable[[Session], bool] | None:
    name, fits = search.name, search.fits
    if name is None:
        return fits
    if fits is None:
        return lambda one: one.principal.lower() == name
    return lambda one: one.principal.lower() == name and fits(one)
