"""The live sessions as pages list them: filtered first, then put in order, then cut into pages.

Up to `EXACT` sessions are put in any order that is asked for, and counted. Of more only the newest
logins are found: that order alone needs no more memory than a page, however many there are.
"""

import heapq
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from sessiongate.errors import InvalidArgument
from sessiongate.operations.console.page import Input, Values, Visit
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.control import SessionRow, row
from sessiongate.rules.agents import agent_label
from sessiongate.rules.session_filter import SessionFilter, read_filter
from sessiongate.service.sessions import Sessions
from sessiongate.session import CONSOLE, Session
from sessiongate.store.search import Place, SessionSearch

ROWS = 50
"""Of a page."""
EXACT = 10_000
"""So many are counted one by one, and put in any order."""

FILTER = (
    Input("user", "Canonical name of the user; `ann*` is all that begin so."),
    Input("dialect", "The dialect that opened them, such as `soap`."),
    Input("address", "Address or network of the client."),
    Input("agent", "A part of the User-Agent."),
    Input("idle", "Not used for longer than this, such as `10m`."),
    Input("provider", "The provider that vouched for the user."),
    Input("role", "One of the roles that they have."),
)
"""What a query says of which sessions are wanted (`rules.session_filter.FIELDS`)."""

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
    place = read_place(after, _ALWAYS) if after.startswith(_ALWAYS) else None
    found = await sessions.search(search_of(wanted, now, place))
    if found.more:
        return _cut(found.sessions, EXACT, _ALWAYS, more=True)
    by = ORDERS[order]
    begin = read_place(after, order) if after else None
    left = [one for one in found.sessions if begin is None or by(one) < begin]
    # No more than a page is put in order: the others only stand behind it.
    return _cut(heapq.nlargest(ROWS + 1, left, key=by), len(found.sessions), order, more=False)


def search_of(
    wanted: SessionFilter, now: datetime, before: Place | None = None, newest: int = ROWS + 1
) -> SessionSearch:
    """The search for what a filter wants."""
    unused = now - wanted.idle if wanted.idle is not None else None
    return SessionSearch(wanted.fits_client, unused, before, EXACT, newest)


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


async def all_that_fit(
    parts: ConsoleParts, visit: Visit, query: Values
) -> tuple[list[Session], bool]:
    """The sessions that fit the query, at most `EXACT`, and whether there are more."""
    search = search_of(read_filter(query.one), visit.now, newest=EXACT)
    found = await parts.sessions.search(search)
    return found.sessions, found.more


def line_of(parts: ConsoleParts, session: Session, visit: Visit) -> SessionLine:
    """A session as its line says it at this moment."""
    facts = row(session, visit.now, parts.limits)
    if session.dialect == CONSOLE:
        own = row(session, visit.now, parts.own_limits)
        facts.seconds_left = min(facts.seconds_left or 0, own.seconds_left or 0)
    return SessionLine(
        **msgspec.structs.asdict(facts),
        client=agent_label(session.user_agent),
        you=session.key == visit.session.key,
    )
