"""The pages of sessions: the list, one of them, and the end of one, some or all."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

import msgspec

from sessiongate.errors import NotFound, Unavailable
from sessiongate.operations.console import session_exports
from sessiongate.operations.console.page import (
    COUNT,
    PASSWORD,
    REASON,
    Action,
    ActionDone,
    ActionRefused,
    Input,
    Look,
    Page,
    Raw,
    Values,
    Visit,
)
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.recent_lists import RecentLists
from sessiongate.operations.console.session_lines import (
    EXACT,
    FILTER,
    ORDERS,
    ROWS,
    SessionLine,
    all_that_fit,
    deadlines,
    line_of,
    lines_of,
    listed,
)
from sessiongate.operations.console.step_up import MANY, objection_to_step, takes_a_step
from sessiongate.rules.access import TERMINATE_SESSION
from sessiongate.rules.audit_chain import Chain
from sessiongate.rules.session_filter import FIELDS, read_filter
from sessiongate.service.audit_desk import NO_AUDIT
from sessiongate.service.audit_search import AuditRow, WantedEvents
from sessiongate.session import Ended, Session
from sessiongate.store.search import SessionSearch

EVENTS = 20
"""Of a session on its own page; the audit's page has all."""


class SessionsPage(msgspec.Struct, frozen=True):
    """The list."""

    rows: list[SessionLine]
    total: int
    more: bool
    """Whether there are more than `total`."""
    order: str
    filters: dict[str, str]
    """What is looked for, by field."""
    leases: bool
    """Whether there is a gateway, by whose sessions those of the list may go."""
    query: str
    """The same as a query, without the place."""
    after: str
    next: str
    """What `after` of the next page is; "" for none."""
    as_of: datetime
    """When the list was made: over a store that is slow to ask, polls get it again."""


class SessionPage(msgspec.Struct, frozen=True):
    """One session, and the others of the same user that were used last."""

    session: SessionLine
    login_name: str
    ends_unused: datetime
    """When it ends if it is not used any more."""
    ends_at_last: datetime | None
    """When it ends however it is used; None where nothing says so."""
    siblings: list[SessionLine]
    events: list[AuditRow]
    """The newest that the audit has of it, among those that a search looks at."""
    missing: str
    """Why none can be told of."""


class EndPage(msgspec.Struct, frozen=True):
    """What is about to be ended."""

    rows: list[SessionLine]
    """The first of them."""
    total: int
    more: bool
    all: bool
    step_up: bool
    keys: list[str]
    filters: dict[str, str]
    """The filter whose matches are ended, where all are."""


_LookWithParts = Callable[[ConsoleParts, Visit], Awaitable[msgspec.Struct | Raw]]


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module."""

    def of(look: _LookWithParts) -> Look:
        return partial(look, parts)

    async def end(visit: Visit) -> ActionDone | ActionRefused:
        return await _end(parts, visit)

    return [
        Page(
            "sessions",
            "Sessions",
            of(partial(_list, RecentLists(parts.clock))),
            "sessions.html",
            menu="Sessions",
            letter="s",
            fragment="sessions_live.html",
            asks=(*FILTER, _ORDER, _AFTER),
            mark=partial(_mark, parts),
        ),
        *session_exports.pages(parts),
        Page(
            "sessions/end",
            "End sessions",
            of(_end_page),
            "end.html",
            TERMINATE_SESSION,
            asks=(_KEY, _ALL, *FILTER),
        ),
        Action(
            "sessions/end",
            end,
            TERMINATE_SESSION,
            asks=(_KEY, _ALL, *FILTER, REASON, COUNT, PASSWORD),
            title="End sessions: those of these keys, or all that fit the filter",
        ),
        Page("sessions/{key}", "Session", of(_show), "session.html"),
        Action(
            "sessions/{key}",
            partial(_end_one, parts),
            TERMINATE_SESSION,
            asks=(REASON, COUNT),
            title="End one session",
            verb="DELETE",
        ),
    ]


def _mark(parts: ConsoleParts) -> int | None:
    """None with a gateway: a lease changes hands without any session being another."""
    return None if parts.insights.upstreams else parts.sessions.revision


_KEY = Input("key", "The public key of a session.", many=True)
_ALL = Input("all", "`yes`: all that fit the filter, in place of keys; `count` is needed then.")
_ORDER = Input("order", f"What comes first: one of {', '.join(ORDERS)}.")
_AFTER = Input("after", "Where the page begins: `next` of the page before.")


async def _list(recent: RecentLists, parts: ConsoleParts, visit: Visit) -> SessionsPage:
    query = visit.query
    order, after = query.first("order") or "last", query.first("after")
    wanted = read_filter(query.first)
    found = await recent.of(
        # A list of before the last news is nobody's; None over Redis, where nobody knows of news.
        f"{parts.sessions.revision}?{query.but('seen', 'did', 'count')}",
        lambda: listed(parts.sessions, wanted, visit.now, order, after),
        polls=bool(query.first("seen")),
    )
    return SessionsPage(
        lines_of(parts, found.sessions, visit),
        found.total,
        found.more,
        found.order,
        {name: query.first(name) for name in FIELDS},
        bool(parts.insights.upstreams),
        query.but("after", "seen", "did", "count"),
        after,
        found.following,
        found.made_at,
    )


async def _show(parts: ConsoleParts, visit: Visit) -> SessionPage:
    session = await parts.sessions.find(visit.parts["key"])
    if session is None:
        raise NotFound(_OVER)
    idle, total = deadlines(parts, session)
    events, missing = await _events_of(parts, session)
    return SessionPage(
        line_of(parts, session, visit),
        session.login_name,
        idle,
        total,
        await _siblings(parts, session, visit),
        events,
        missing,
    )


async def _siblings(parts: ConsoleParts, session: Session, visit: Visit) -> list[SessionLine]:
    search = SessionSearch(
        lambda one: one.provider == session.provider,
        session.principal.lower(),
        exact=EXACT,
        order=ORDERS["last"],
    )
    found = await parts.sessions.search(search)
    others = [one for one in found.sessions if one.key != session.key]
    return lines_of(parts, others[:ROWS], visit)


_OVER = "This session is over, or there never was one with this key."


async def _events_of(parts: ConsoleParts, session: Session) -> tuple[list[AuditRow], str]:
    """The newest events about a session, and why there are none."""
    audit = parts.insights.audit
    if not audit.is_kept:
        return [], NO_AUDIT
    try:
        found = await audit.search(WantedEvents(key=session.key), None, EVENTS, Chain.DECISIONS)
    except Unavailable:  # what else the page has, it has all the same
        return [], "The audit cannot be read at the moment."
    return found.rows, ""


async def _chosen(parts: ConsoleParts, visit: Visit, values: Values) -> tuple[list[Session], bool]:
    """What is to be ended: the sessions of these keys, or all that fit but the visitor's own."""
    if values.first("all"):
        found, more = await all_that_fit(parts, visit, values)
        return [one for one in found if one.key != visit.session.key], more
    some = [await parts.sessions.find(key) for key in dict.fromkeys(values.all("key"))]
    return [one for one in some if one is not None], False


async def _end_page(parts: ConsoleParts, visit: Visit) -> EndPage:
    # After a form that did not do, what was in it is asked about again.
    values = visit.form if visit.form.first("key") or visit.form.first("all") else visit.query
    found, more = await _chosen(parts, visit, values)
    every = bool(values.first("all"))
    return EndPage(
        lines_of(parts, found[:MANY], visit),
        len(found),
        more,
        every,
        every or takes_a_step(parts, visit, len(found)),
        [] if every else [one.key for one in found],
        {name: values.first(name) for name in FIELDS if every and values.first(name)},
    )


async def _end_one(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    key = visit.parts["key"]
    if await parts.sessions.find(key) is None:
        raise NotFound(_OVER)
    form = Values.read(visit.form.but(*FIELDS, "all", key=key))
    return await _end(parts, msgspec.structs.replace(visit, form=form))


async def _end(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    found, more = await _chosen(parts, visit, visit.form)
    if not found:
        return ActionDone("sessions", "nothing")
    if more:
        return ActionRefused(f"More than {EXACT} sessions fit: narrow the filter.")
    many = bool(visit.form.first("all")) or takes_a_step(parts, visit, len(found))
    if many and (why := await objection_to_step(parts, visit, len(found))):
        return ActionRefused(why)
    if not many:
        parts.ends.note(visit.session.key, len(found), visit.now)
    by = visit.session.principal
    keys = [one.key for one in found]
    ended = await parts.sessions.end_each(keys, Ended.TERMINATED, by, visit.audit_details)
    left = {name: visit.form.first(name) for name in FIELDS if visit.form.first(name)}
    query = urlencode(left) if visit.form.first("all") else ""
    return ActionDone(f"sessions?{query}" if query else "sessions", "ended", ended)
