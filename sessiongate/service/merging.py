"""Which refusals stand in the audit one by one, and which only as a number.

A stranger can have thousands refused in a second, at no cost. So of each address the first few in
a minute stand alone, and of all strangers together not many more; the others of that minute become
one event for each kind, which says how many there were. The same goes for a session that is denied
things over and over, by its key.

Whether a name exists plays no part in whether a refusal stands alone: whoever waits for the disk
then would tell by the time. But nobody who exists is merged with others: the first refusal of each
is noted, and those that follow are counted under the name.

Every table here has a bound, and is emptied each minute.
"""

from datetime import datetime, timedelta
from enum import Enum

import msgspec

from sessiongate.rules.chain import Chain
from sessiongate.rules.lockout import place_of
from sessiongate.service.audit import Event

PER_MINUTE = 100
"""Refusals of one address in a minute that stand alone, unless the settings say otherwise."""

WINDOW = timedelta(minutes=1)
"""How long merged events are counted before they are written."""

# All strangers together: so many times what one address may. At 500 events a minute, a million
# decisions take more than a day to be pushed out by nothing but known names being locked.
_TOGETHER = 5

# Kinds of events counted apart, and sessions that spend on their own, about 1 MB in all. What is
# beyond is counted by kind alone, of which there are some dozens.
_MOST = 2_000

# Facts that stay in a merged event as long as all that are in it share them.
_SHARED = ("user", "subject", "ip", "agent", "provider", "key", "token", "detail")

Kind = tuple[Chain, str, str, str, str, str, str, str]


class Fate(Enum):
    """What becomes of a refusal."""

    ALONE = "alone"
    """An event of its own, on the disk before the client hears."""
    NOTED = "noted"
    """An event of its own, for which nobody waits."""
    COUNTED = "counted"
    """A number in an event that is written within a minute."""


class Counted(msgspec.Struct):
    """Events of one kind in this minute."""

    chain: Chain
    event: Event | None = None
    """The first that had to be counted, with the others in `merged`; None while there is none."""


class Merging:
    """Judges refusals by what has come before them in the same minute."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._began: datetime | None = None
        self._spent: dict[str, int] = {}
        self._strangers = 0
        self._counted: dict[Kind, Counted] = {}

    def judge(self, event: Event, *, known: bool) -> Fate:
        """What becomes of this refusal. Takes it in, where it is counted.

        `known` says that it is about somebody who exists. Call `due` before.
        """
        if self._began is None:
            self._began = event.at
        whom = event.key or place_of(event.ip)
        if self._may_spend(whom, is_session=bool(event.key)):
            return Fate.ALONE
        chain = Chain.DECISIONS if known else Chain.ANONYMOUS
        name = (event.user or event.subject) if known else ""
        # Of an address that came when all was spent, no more is told than that it was one of many.
        where = whom if whom in self._spent else ""
        what = (event.event, event.how, event.result, event.reason, event.dialect)
        counted = self._counted.get((chain, where, name, *what))
        if counted is None and len(self._counted) >= _MOST:
            where = name = ""
            counted = self._counted.get((chain, where, name, *what))
        if counted is not None:
            _count(counted, event)
            return Fate.COUNTED
        counted = self._counted[(chain, where, name, *what)] = Counted(chain)
        if name:
            return Fate.NOTED
        _count(counted, event)
        return Fate.COUNTED

    def due(self, now: datetime) -> list[tuple[Chain, Event]]:
        """What was counted in the minute that is over; nothing before it is."""
        if self._began is None or now - self._began < WINDOW:
            return []
        return self.rest()

    def rest(self) -> list[tuple[Chain, Event]]:
        """What was counted so far, minute or not, as events that say how many they stand for."""
        told = [(one.chain, one.event) for one in self._counted.values() if one.event is not None]
        self._began, self._strangers = None, 0
        self._spent, self._counted = {}, {}
        return told

    def _may_spend(self, whom: str, *, is_session: bool) -> bool:
        spent = self._spent.get(whom, 0)
        if spent >= self._per_minute:
            return False
        if spent == 0 and len(self._spent) >= _MOST:
            return False
        if not is_session:
            if self._strangers >= _TOGETHER * self._per_minute:
                return False
            self._strangers += 1
        self._spent[whom] = spent + 1
        return True


def _count(counted: Counted, event: Event) -> None:
    kept = counted.event
    if kept is None:
        counted.event = event
        return
    if kept.since is None:
        kept.since = kept.at
    kept.at = event.at
    kept.merged += 1
    for fact in _SHARED:
        value = getattr(kept, fact)
        if value and value != getattr(event, fact):
            setattr(kept, fact, "")
