"""The audit: events that fit, their export, a verification; and the sessions that have ended."""

from functools import partial

import msgspec

from sessiongate.errors import InvalidArgument
from sessiongate.operations.console.page import (
    REASON,
    Action,
    ActionDone,
    ActionRefused,
    Input,
    Page,
    Raw,
    Values,
    Visit,
)
from sessiongate.operations.console.parts import ConsoleParts, Insights
from sessiongate.rules.access import ADMINISTER
from sessiongate.rules.audit_chain import LARGEST, Chain
from sessiongate.service.audit_desk import NO_AUDIT, VerificationState
from sessiongate.service.audit_search import (
    FIELDS,
    MOST_ENDED,
    AuditRow,
    EndedRow,
    FoundEvents,
    read_event_filter,
)

ROWS = 50
"""Of a page."""

MOST_EXPORTED = 10_000
"""Events of an export; `sessiongate audit export` writes all."""

_ENDED_FIELDS = ("user", "reason", "address", "dialect")


class AuditPage(msgspec.Struct, frozen=True):
    """Events, the newest first."""

    rows: list[AuditRow]
    chain: str
    filters: dict[str, str]
    query: str
    """The same as a query, without the place."""
    before: int | None
    """The place of this page; None for the newest."""
    next: int | None
    """The place of the next; None where nothing is older."""
    searched: int
    verification: VerificationState
    missing: str
    """Why there is no audit; "" where there is one."""


class EndedPage(msgspec.Struct, frozen=True):
    """The sessions that ended last."""

    rows: list[EndedRow]
    total: int
    """How many fit, of the last ones."""
    begin: int
    """How many are on the pages before."""
    next: int | None
    filters: dict[str, str]
    query: str
    missing: str


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module."""
    insights = parts.insights
    return [
        Page(
            "ended",
            "Ended sessions",
            partial(_ended, insights),
            "ended.html",
            menu="Ended",
            letter="e",
            asks=(*(one for one in _FILTER if one.name in _ENDED_FIELDS), _BEGIN),
        ),
        Page(
            "audit",
            "Audit",
            partial(_audit, insights),
            "audit.html",
            menu="Audit",
            letter="a",
            fragment="audit_live.html",
            asks=(*_FILTER, _CHAIN, _BEFORE),
        ),
        Page(
            "audit/export.jsonl",
            "Events, one a line",
            partial(_export, insights),
            asks=(*_FILTER, _CHAIN),
            content_type=_LINES,
        ),
        Action(
            "audit/verify",
            partial(_verify, parts),
            ADMINISTER,
            "audit",
            asks=(REASON,),
            title="Begin to verify the chains; how far that is, the audit's page says",
        ),
    ]


_LINES = "application/jsonl"
_FILTER = (
    Input("event", "A part of the event's name, such as `login refused`."),
    Input("result", "`ok`, `refused` or `unavailable`."),
    Input("user", "Whoever acted or was acted upon; `*` stands for any characters."),
    Input("address", "Address or network."),
    Input("dialect", "The dialect that it happened in."),
    Input("reason", "A part of the reason."),
    Input("key", "The public key of the session."),
)
"""What a query says of which events are wanted (`audit_search.FIELDS`)."""
_CHAIN = Input("chain", f"One of {', '.join(one.value for one in Chain)}.")
_BEFORE = Input("before", "Where the page begins: `next` of the page before.")
_BEGIN = Input("begin", "How many are on the pages before: `next` of the page before.")


async def _audit(insights: Insights, visit: Visit) -> AuditPage:
    query = visit.query
    chain, before = _chain(query.first("chain")), _number(query, "before")
    found, missing = FoundEvents([], None, 0), NO_AUDIT
    if insights.audit.is_kept:
        wanted, missing = read_event_filter(query.first), ""
        found = await insights.audit.search(wanted, before, ROWS, chain)
    return AuditPage(
        found.rows,
        chain.value,
        {name: query.first(name) for name in FIELDS},
        query.but("before", "seen", "did", "count"),
        before,
        found.before,
        found.searched,
        insights.audit.verification(),
        missing,
    )


async def _export(insights: Insights, visit: Visit) -> Raw:
    query = visit.query
    wanted = read_event_filter(query.first)
    found = await insights.audit.search(wanted, None, MOST_EXPORTED, _chain(query.first("chain")))
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in reversed(found.rows))
    return Raw(lines, _LINES, "audit.jsonl")


async def _verify(parts: ConsoleParts, visit: Visit) -> ActionDone | ActionRefused:
    if not parts.insights.audit.verify():
        return ActionRefused("A verification is under way; it goes on.")
    by = visit.session.principal
    await parts.journal.happened("audit verification begun", user=by, **visit.audit_details)
    return ActionDone("audit", "verifying")


async def _ended(insights: Insights, visit: Visit) -> EndedPage:
    query = visit.query
    begin = min(_number(query, "begin") or 0, MOST_ENDED)
    rows, missing = [], NO_AUDIT
    if insights.audit.is_kept:
        wanted = read_event_filter(lambda name: query.first(name) if name in _ENDED_FIELDS else "")
        rows, missing = await insights.audit.ended(wanted), ""
    following = begin + ROWS
    return EndedPage(
        rows[begin:following],
        len(rows),
        begin,
        following if following < len(rows) else None,
        {name: query.first(name) for name in _ENDED_FIELDS},
        query.but("begin"),
        missing,
    )


def _chain(text: str) -> Chain:
    try:
        return Chain(text or Chain.DECISIONS.value)
    except ValueError:
        raise InvalidArgument("chain", "one of decisions, anonymous") from None


def _number(query: Values, name: str) -> int | None:
    text = query.first(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) > LARGEST:
        raise InvalidArgument(name, "what a page before has said; begin at the first page")
    return int(text)


_DIGITS = len(str(LARGEST))
