"""Which refusals stand in the audit one by one, and which only as a number.

A stranger can have thousands refused in a second, at no cost. So in each minute the first few of an
address stand alone, and of all strangers not many more; the others become one event for each kind,
which says how many there were. Callers who are denied things are counted by person, and so, far
later, are openings and ends of sessions and what others notice: one account in a loop pushes no
other's events out.

Whether a name exists plays no part in whether a refusal stands alone: whoever waits for the disk
then would tell by the time. Of those counted, the first about each person (provider and canonical
name, however spelled) is noted as well. The kinds that strangers make have a bound in each chain,
whatever is varied; whoever has shown an identity is outside of it. Every table here is bounded.
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import Self

import msgspec

from sessiongate.audit.event import Event
from sessiongate.errors import SessionGateError
from sessiongate.networks import network_of
from sessiongate.rules.accounts import plain_letters
from sessiongate.rules.audit_chain import Chain
from sessiongate.session import Person, Session

PER_MINUTE = 100
"""Refusals of one address in a minute that stand alone, unless the settings say otherwise."""

SESSIONS_PER_MINUTE = 200
"""Openings of sessions, ends, and acts of a sort, of one person in a minute that stand alone,
unless the settings say otherwise. By the first two, one account fills less than six in ten of a
million decisions in a day. What one does at upstreams is as many again, together."""

WINDOW = timedelta(minutes=1)
"""How long merged events are counted before they are written."""

# All strangers together: so many times what one address may. With the kinds below, a million
# decisions take some 24 hours to be pushed out by nothing but known names being refused.
_TOGETHER = 5

# Kinds of events counted apart, and sessions that spend on their own, about 1 MB in all. What is
# beyond is counted by sort alone, of which there are a few.
_MOST = 2_000

# Kinds that strangers make in one chain at most, whatever the settings: the table has room left.
_MOST_OF_STRANGERS = _MOST // 4

# Pairs of an event and a person that are numbered: a person whose session is opened and ended in
# one minute takes two. Beyond them all stand alone: nobody has so many accounts, and so many people
# who come within one minute are not one who floods.
_MOST_NUMBERED = 20_000

# Facts that stay in a merged event as long as all that are in it share them.
_SHARED = (
    *("user", "subject", "ip", "agent", "provider", "key", "token", "detail"),
    *("how", "reason", "dialect"),
)

Kind = tuple[str, ...]


class Fate(Enum):
    """What becomes of a refusal."""

    ALONE = "alone"
    """An event of its own, on the disk before the client hears."""
    NOTED = "noted"
    """An event of its own, for which nobody waits."""
    COUNTED = "counted"
    """A number in an event that is written within a minute."""


class About(msgspec.Struct, frozen=True):
    """Whom a refusal is about."""

    person: Person | None = None
    """Somebody who exists; None where no such person is known."""
    shown: bool = False
    """Whether whoever asked has shown to be that person."""

    @classmethod
    def of_caller(cls, session: Session) -> Self:
        """Of what is about the caller of a session."""
        return cls(Person(session.provider, session.principal), shown=True)

    @classmethod
    def of_error(cls, error: Exception, typed: str) -> Self:
        """Whom a refusal is about, as its error says. `typed` is the name that it was asked by."""
        if not (isinstance(error, SessionGateError) and error.known):
            return cls()
        return cls(Person(*error.person) if any(error.person) else Person("", typed))

    @property
    def chain(self) -> Chain:
        """The chain that it belongs to."""
        return Chain.ANONYMOUS if self.person is None else Chain.DECISIONS


NOBODY = About()


class EventCount(msgspec.Struct):
    """Events of one kind in this minute."""

    chain: Chain
    event: Event | None = None
    """The first that had to be counted, with the others in `merged`; None while there is none."""


class Merging:
    """Judges refusals by what has come before them in the same minute.

    `processes` share one server: what all strangers have together is divided among them.
    """

    def __init__(
        self,
        per_minute: int = PER_MINUTE,
        processes: int = 1,
        sessions_per_minute: int = SESSIONS_PER_MINUTE,
    ) -> None:
        self._per_minute = per_minute
        self._of_sessions = max(1, sessions_per_minute // processes)
        self._together = max(1, _TOGETHER * per_minute // processes)
        self._most_kinds = min(_MOST_OF_STRANGERS, max(1, per_minute // processes))
        self._minute_began: datetime | None = None
        self._spent: dict[str | Person, int] = {}
        self._numbered: dict[tuple[str, Person], int] = {}
        self._strangers = 0
        self._kinds = dict.fromkeys(Chain, 0)
        """Kinds that strangers have made in this minute."""
        self._counted: dict[Kind, EventCount] = {}

    def judge(self, event: Event, about: About = NOBODY) -> Fate:
        """What becomes of this refusal. Takes it in, where it is counted. Call `due` before."""
        if self._minute_began is None:
            self._minute_began = event.at
        whom = about.person if about.person is not None and event.key else network_of(event.ip)
        if self._may_spend(whom):
            return Fate.ALONE
        counted, is_new = self._counted_of(event, about, whom)
        if is_new and about.person is not None:
            return Fate.NOTED
        _count(counted, event, about)
        return Fate.COUNTED

    def judge_session(self, event: Event, person: Person, budget: str = "") -> Fate:
        """What becomes of the opening or end of a session, or an act, of this person: never NOTED.

        Events of one `budget` are numbered together; without one, those of the same name. Takes it
        in, where it is counted. Call `due` before.
        """
        if self._minute_began is None:
            self._minute_began = event.at
        number_of = (budget or event.event, person)
        numbered = self._numbered.get(number_of, 0)
        if numbered < self._of_sessions:
            if numbered or len(self._numbered) < _MOST_NUMBERED:
                self._numbered[number_of] = numbered + 1
            return Fate.ALONE
        about = About(person, shown=True)
        _count(self._counted_of(event, about, person)[0], event, about)
        return Fate.COUNTED

    def due(self, now: datetime) -> list[tuple[Chain, Event]]:
        """What was counted in the minute that is over; nothing before it is."""
        if self._minute_began is None or now - self._minute_began < WINDOW:
            return []
        return self.rest()

    def rest(self) -> list[tuple[Chain, Event]]:
        """What was counted so far, minute or not, as events that say how many they stand for."""
        told = [(one.chain, one.event) for one in self._counted.values() if one.event is not None]
        self._minute_began, self._strangers = None, 0
        self._kinds = dict.fromkeys(Chain, 0)
        self._spent, self._numbered, self._counted = {}, {}, {}
        return told

    def _may_spend(self, whom: str | Person) -> bool:
        spent = self._spent.get(whom, 0)
        if spent >= self._per_minute:
            return False
        if spent == 0 and len(self._spent) >= _MOST:
            return False
        if isinstance(whom, str):
            if self._strangers >= self._together:
                return False
            self._strangers += 1
        self._spent[whom] = spent + 1
        return True

    def _counted_of(
        self, event: Event, about: About, whom: str | Person
    ) -> tuple[EventCount, bool]:
        """Where an event like this one is counted, and whether it is the first of its kind."""
        kind = self._kind_of(event, about, whom)
        counted = self._counted.get(kind)
        if counted is not None:
            return counted, False
        if self._has_room(about):
            counted = self._counted[kind] = EventCount(about.chain)
            return counted, True
        kind = (about.chain.value, event.event, event.result)
        return self._counted.setdefault(kind, EventCount(about.chain)), False

    def _kind_of(self, event: Event, about: About, whom: str | Person) -> Kind:
        sort = (about.chain.value, event.event, event.result, event.reason)
        if about.person is None:
            # Of whoever came when all was spent, no more is told than that it was one.
            where = whom if isinstance(whom, str) and whom in self._spent else ""
            return (*sort, event.how, event.dialect, where)
        provider, name = about.person
        # As a directory that does not look at marks on letters: it knows one person by them all.
        return (*sort, "shown" if about.shown else "", provider, plain_letters(name))

    def _has_room(self, about: About) -> bool:
        """Whether one more kind may be made for this one. Counts it, where a stranger makes it."""
        if len(self._counted) >= _MOST:
            return False
        if about.shown:
            return True
        if self._kinds[about.chain] >= self._most_kinds:
            return False
        self._kinds[about.chain] += 1
        return True


def _count(counted: EventCount, event: Event, about: About) -> None:
    if about.person is not None and event.user:
        event.user, event.provider = about.person.name, about.person.provider
    kept = counted.event
    if kept is None:
        counted.event = event
        return
    if kept.since is None:
        kept.since = kept.at
    kept.at = event.at
    kept.merged += 1 + event.merged
    for fact in _SHARED:
        value = getattr(kept, fact)
        if value and value != getattr(event, fact):
            setattr(kept, fact, "")
