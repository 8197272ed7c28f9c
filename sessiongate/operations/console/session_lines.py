"""The live sessions as pages list them: filtered first, then put in order, then cut into pages.

Up to `EXACT` sessions are put in any order that is asked for, and counted. Of more only the newest
are kept while the table is read, by when they signed in: that order alone needs no more memory than
a page, however many there are.
"""

import heapq
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sessiongate.errors import InvalidArgument
from sessiongate.operations.control import SessionRow, row
from sessiongate.rules.agents import agent_label
from sessiongate.rules.session_filter import SessionFilter
from sessiongate.service.sessions import Sessions
from sessiongate.session import CONSOLE, Limits, Session

ROWS = 50
"""Of a page."""
EXACT = 10_000
"""So many are counted one by one, and put in any order."""

Key = tuple[Any, str]
ORDERS: Mapping[str, Callable[[Session], Key]] = {
    "last": lambda one: (one.active_at, one.key),
    "signed": lambda one: (one.login_at, one.key),
    "calls": lambda one: (one.call_count, one.key),
}
"""What lists go by, the highest first."""
_ALWAYS = "signed"


class SessionLine(SessionRow):
    """A session in a list."""

    client: str = ""
    """Program and version, as people call them."""
    you: bool = False
    """Whether it is the visitor's own."""


class ListedSessions(msgspec.Struct, frozen=True):
    """One page of a list."""

    sessions: list[Session]
    total: int
    """How many fit, `EXACT` where there are more."""
    more: bool
    """Whether there are more than `EXACT`."""
    order: str
    following: str
    """Where the next page begins: what `read_place` reads; "" for none."""


async def listed(
    sessions: Sessions, wanted: SessionFilter, now: datetime, order: str = "last", after: str = ""
) -> ListedSessions:
    """A page of the sessions that fit, after this place. Raises InvalidArgument."""
    if order not in ORDERS:
        raise InvalidArgument("order", f"one of {', '.join(ORDERS)}")
    found, total = [], 0
    newest: list[tuple[Key, Session]] = []
    place = read_place(after, _ALWAYS) if after.startswith(_ALWAYS) else None
    async for session in sessions.list():
        if not wanted.fits(session, now):
            continue
        total += 1
        if total <= EXACT:
            found.append(session)
        key = (session.login_at, session.key)
        if place is not None and key >= place:
            continue
        if len(newest) <= ROWS:
            heapq.heappush(newest, (key, session))
        elif key > newest[0][0]:
            heapq.heapreplace(newest, (key, session))
    if total > EXACT:
        kept = [session for _, session in sorted(newest, key=lambda one: one[0], reverse=True)]
        return _cut(kept, EXACT, _ALWAYS, more=True)
    by = ORDERS[order]
    begin = read_place(after, order) if after else None
    ordered = sorted(found, key=by, reverse=True)
    if begin is not None:
        ordered = [one for one in ordered if by(one) < begin]
    return _cut(ordered, total, order, more=False)


def _cut(ordered: list[Session], total: int, order: str, *, more: bool) -> ListedSessions:
    page = ordered[:ROWS]
    following = place_of(page[-1], order) if len(ordered) > ROWS else ""
    return ListedSessions(page, total, more, order, following)


def place_of(session: Session, order: str) -> str:
    """Where a list of this order goes on after this session."""
    value, key = ORDERS[order](session)
    number = _micros(value) if isinstance(value, datetime) else value
    return f"{order}.{number}.{key}"


def read_place(text: str, order: str) -> Key:
    """The place that a query names, for this order. Raises InvalidArgument."""
    given, _, rest = text.partition(".")
    number, _, key = rest.partition(".")
    if given != order or not number.isascii() or not number.isdigit() or len(number) > _LONGEST:
        raise InvalidArgument("after", "what a page before has said; begin at the first page")
    if order == "calls":
        return int(number), key
    return _EPOCH + timedelta(microseconds=int(number)), key


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 17  # digits: microseconds until the year 5138


def _micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


def line(
    session: Session, now: datetime, limits: Limits, own_limits: Limits, visitor: Session
) -> SessionLine:
    """A session as its line says it at this moment."""
    facts = row(session, now, limits)
    if session.dialect == CONSOLE:
        own = row(session, now, own_limits)
        facts.seconds_left = min(facts.seconds_left or 0, own.seconds_left or 0)
    return SessionLine(
        **msgspec.structs.asdict(facts),
        client=agent_label(session.user_agent),
        you=session.key == visitor.key,
    )
