"""Who leaves sessions open: clients ranked by what they never log out."""

from datetime import datetime, timedelta
from functools import partial

import msgspec

from sessiongate.operations.console.attention import sessions_of
from sessiongate.operations.console.page import Action, Input, Page, Visit
from sessiongate.operations.console.parts import ConsoleParts, Insights
from sessiongate.rules.leaks import ClientRow, totals

SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}

MOST_ROWS = 100
"""Clients on the page: who is further down leaves hardly any. `sessiongate leaks` has all."""

# A week of a busy server takes seconds to read: nobody has it read again within so long. Short:
# whoever has ended sessions looks again.
_FRESH = timedelta(seconds=5)


class LeakLine(msgspec.Struct, frozen=True):
    """One client, and where its sessions are listed: below `/console/`."""

    client: ClientRow
    sessions: str


class LeaksPage(msgspec.Struct, frozen=True):
    """The report, as far as a page goes."""

    span: str
    since: datetime
    until: datetime
    missing: str
    """Why something that was asked for is not in it; "" where all is."""
    left: int
    """Sessions that were not logged out, of all clients."""
    leaving: int
    """Clients that left any."""
    clients: int
    saves: bool
    """Whether there is a gateway, which saves logins at upstreams."""
    rows: list[LeakLine]
    """The first `MOST_ROWS`."""


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The page of this module."""
    look = partial(_leaks, parts.insights)
    span = Input("span", f"How far back: one of {', '.join(SPANS)}.")
    return [
        Page("leaks", "Leaks", look, "leaks.html", menu="Leaks", letter="l", asks=(span,)),
    ]


async def _leaks(insights: Insights, visit: Visit) -> LeaksPage:
    span = visit.query.first("span")
    span = span if span in SPANS else "24h"
    report = await insights.leaks.report(SPANS[span], _FRESH)
    left, leaving = totals(report.clients)
    return LeaksPage(
        span,
        report.since,
        report.until,
        report.missing,
        left,
        leaving,
        len(report.clients),
        bool(insights.upstreams),
        [LeakLine(one, sessions_of(one)) for one in report.clients[:MOST_ROWS]],
    )
