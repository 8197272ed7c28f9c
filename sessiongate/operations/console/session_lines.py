"""The live sessions as pages list them: filtered first, then put in order, then cut into pages.

Up to `EXACT` sessions are put in any order that is asked for, and counted. Of more only the newest
logins are found: that order alone needs no more memory than a page, however many there are.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from sessiongate.errors import InvalidArgument
from sessiongate.operations.console.page import Input, Values, Visit
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.port import ClientLease
from sessiongate.operations.control import SessionRow, row
from sessiongate.rules.agents import agent_label
from sessiongate.rules.life import due_at, last_end
from sessiongate.rules.name_pattern import only_name
from sessiongate.rules.session_filter import SessionFilter, read_filter
from sessiongate.service.sessions import Sessions
from sessiongate.session import CONSOLE, Session
from sessiongate.store.search import Place, SessionSearch, Sortable, by_login

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

ORDERS: Mapping[str, Callable[[Sortable], Place]] = {
    "last": lambda one: (one.active_at, one.key),
    "signed": by_login,
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
    lease: str = ""
    """The gateway's session by which its calls go; "" for none of its own."""
    pinned: int = 0
    """Objects that it has there, for which it can go by no other."""


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
    made_at: datetime


async def listed(
    sessions: Sessions, wanted: SessionFilter, now: datetime, order: str = "last", after: str = ""
) -> ListedSessions:
    """A page of the sessions that fit, after this place. Raises InvalidArgument."""
    if order not in ORDERS:
        raise InvalidArgument("order", f"one of {', '.join(ORDERS)}")
    before = read_place(after, _ALWAYS) if after.startswith(f"{_ALWAYS}.") else None
    begin = read_place(after, order) if after and (before is None or order == _ALWAYS) else None
    by = ORDERS[order]
    found = await sessions.search(search_of(wanted, now, before=before, order=by, after=begin))
    if found.more:
        order = _ALWAYS
    elif before is not None and begin is None:
        raise _no_place()  # there were too many for this order when the page before was shown
    page = found.sessions[:ROWS]
    following = place_of(page[-1], order) if len(found.sessions) > ROWS else ""
    return ListedSessions(page, found.total, found.more, order, following, now)


def search_of(
    wanted: SessionFilter,
    now: datetime,
    *,
    before: Place | None = None,
    newest: int = ROWS + 1,
    order: Callable[[Sortable], Place] | None = None,
    after: Place | None = None,
) -> SessionSearch:
    """The search for what a filter wants."""
    name = only_name(wanted.user) if wanted.user else None
    rest = msgspec.structs.replace(wanted, idle=None, user=wanted.user if name is None else "")
    return SessionSearch(
        None if rest == SessionFilter() else rest.fits_client,
        name,
        now - wanted.idle if wanted.idle is not None else None,
        before,
        EXACT,
        newest,
        order,
        after,
    )


def place_of(session: Session, order: str) -> str:
    """Where a list of this order goes on after this session."""
    value, key = ORDERS[order](session)
    number = _micros(value) if isinstance(value, datetime) else value
    return f"{order}.{number}.{key}"


def read_place(text: str, order: str) -> Place:
    """The place that a query names, for this order. Raises InvalidArgument."""
    given, _, rest = text.partition(".")
    number, _, key = rest.partition(".")
    if given != order or not number.isascii() or not number.isdigit() or len(number) > _LONGEST:
        raise _no_place()
    if order == "calls":
        return int(number), key
    return _EPOCH + timedelta(microseconds=int(number)), key


def _no_place() -> InvalidArgument:
    return InvalidArgument("after", "what a page before has said; begin at the first page")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 17  # digits: microseconds until the year 5138


def _micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


async def all_that_fit(
    parts: ConsoleParts, visit: Visit, query: Values
) -> tuple[list[Session], bool]:
    """The sessions that fit the query, at most `EXACT`, and whether there are more."""
    search = search_of(read_filter(query.first), visit.now, newest=EXACT)
    found = await parts.sessions.search(search)
    return found.sessions, found.more


def line_of(parts: ConsoleParts, session: Session, visit: Visit) -> SessionLine:
    """A session as its line says it at this moment."""
    [line] = lines_of(parts, [session], visit)
    return line


def lines_of(parts: ConsoleParts, sessions: Sequence[Session], visit: Visit) -> list[SessionLine]:
    """The same of several."""
    used = parts.pools.leases_of([one.key for one in sessions])
    return [_line(parts, one, visit, used.get(one.key)) for one in sessions]


def _line(
    parts: ConsoleParts, session: Session, visit: Visit, lease: ClientLease | None
) -> SessionLine:
    facts = row(session, visit.now, parts.limits)
    if session.dialect == CONSOLE:
        own = row(session, visit.now, parts.own_limits)
        facts.seconds_left = min(facts.seconds_left or 0, own.seconds_left or 0)
    return SessionLine(
        **msgspec.structs.asdict(facts),
        client=agent_label(session.user_agent),
        you=session.key == visit.session.key,
        lease=lease.lease if lease is not None else "",
        pinned=lease.objects if lease is not None else 0,
    )


def deadlines(parts: ConsoleParts, session: Session) -> tuple[datetime, datetime | None]:
    """When it ends if it is not used any more, and when it ends however it is used."""
    limits = [parts.limits, *([parts.own_limits] if session.dialect == CONSOLE else [])]
    last = [last_end(session.login_at, one) for one in limits]
    return (
        min(due_at(session.login_at, session.active_at, one) for one in limits),
        min((one for one in last if one is not None), default=None),
    )
