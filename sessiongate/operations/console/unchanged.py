"""Which polls need no look: those of a page that shows what is still as it was."""

from collections.abc import Hashable
from datetime import datetime, timedelta

import msgspec

from sessiongate.operations.console.page import Page, Visit

FRESH = timedelta(seconds=10)
"""So far behind a page may be with what time alone changes: `Ends in`, and who is idle for long."""

_MOST = 256
"""Tabs that are remembered."""


class _Shown(msgspec.Struct, frozen=True):
    mark: Hashable
    version: str
    at: datetime


class Unchanged:
    """Remembers what each tab was shown last, and the mark of what that was made of."""

    def __init__(self) -> None:
        self._shown: dict[Hashable, _Shown] = {}

    def holds(self, page: Page, visit: Visit, mark: Hashable) -> bool:
        """Whether what a poll has seen would be shown again."""
        shown = self._shown.get(_tab(page, visit))
        return (
            shown is not None
            and mark is not None
            and shown.mark == mark
            and shown.version == visit.query.first("seen")
            and timedelta(0) <= visit.now - shown.at < FRESH
        )

    def note(self, page: Page, visit: Visit, mark: Hashable, version: str) -> None:
        """What had this mark, taken before it was looked at, was shown as this version."""
        tab = _tab(page, visit)
        self._shown.pop(tab, None)
        if mark is None:
            return
        if len(self._shown) >= _MOST:
            del self._shown[next(iter(self._shown))]
        self._shown[tab] = _Shown(mark, version, visit.now)


def _tab(page: Page, visit: Visit) -> Hashable:
    return page.path, visit.session.key, visit.query.but("seen", "did", "count")
