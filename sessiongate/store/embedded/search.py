"""The search through a table of sessions: each client is judged once, and each row by its times."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sessiongate.session import Session
from sessiongate.store.embedded.table import SessionTable, session_of
from sessiongate.store.embedded.wheel import Kept
from sessiongate.store.search import FoundSessions, Newest, SessionSearch

_STEP = 250
"""Rows until others get their turn: a quarter of a millisecond, which no check notices."""

_SHARE = 50
"""Of that, what a part of the table costs that is only begun: its rows are put in a list."""


async def search_table(table: SessionTable, search: SessionSearch, now: datetime) -> FoundSessions:
    """The live sessions that fit."""
    look = _Look(table, search, now)
    left = _STEP
    for shard in table.newest():
        for first in range(0, len(shard), _STEP):
            some = shard[first : first + _STEP]
            goes_on = look.through(some)
            left -= len(some) if goes_on else _SHARE
            if left <= 0:
                left = _STEP
                await asyncio.sleep(0)
            if not goes_on:
                break
    kept = look.found.kept()
    sessions: list[Session] = []
    for first in range(0, len(kept), _STEP):
        sessions += map(session_of, kept[first : first + _STEP])
        await asyncio.sleep(0)
    return FoundSessions(sessions, look.found.more)


class _Look:
    """One search under way."""

    def __init__(self, table: SessionTable, search: SessionSearch, now: datetime) -> None:
        self.found: Newest[Kept] = Newest(search)
        self._search = search
        self._opened, self._used = table.oldest_alive(now)
        # By the identity of the facts, which are held here so that no other object gets it.
        self._judged: dict[int, tuple[Session, bool]] = {}

    def through(self, rows: Sequence[Kept]) -> bool:
        """Take what fits of these, the newest logins first. False if later ones change nothing."""
        found, judged, fits = self.found, self._judged, self._search.fits
        opened, used, unused = self._opened, self._used, self._search.unused_since
        oldest = found.oldest
        for kept in rows:
            if oldest is not None and kept.login_at < oldest:
                return False
            facts = kept.facts
            verdict = judged.get(id(facts))
            if verdict is None:
                verdict = judged[id(facts)] = facts, fits(facts)
            if not verdict[1] or kept.second == 0:
                continue
            if kept.active_at <= used or kept.login_at <= opened:
                continue
            if unused is None or kept.active_at <= unused:
                found.add(kept.login_at, kept.key, kept)
                oldest = found.oldest
        return True
