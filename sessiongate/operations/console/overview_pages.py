"""The first page: how the server stands, its last hours, and what needs attention."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import isnan

import msgspec

from sessiongate.errors import Unavailable
from sessiongate.operations.console.attention import Notice, attention, days_left
from sessiongate.operations.console.charts import Chart, charts_of
from sessiongate.operations.console.page import Action, Input, Page, Visit
from sessiongate.operations.console.parts import ConsoleParts, Insights
from sessiongate.rules.access import ADMINISTER
from sessiongate.rules.leaks import ClientRow
from sessiongate.telemetry.samples import SERIES
from sessiongate.telemetry.upstream_counters import UpstreamNow

SPANS = ("1h", "24h")

_HOUR = timedelta(hours=1)

# Who leaves sessions open is found out anew so often, however many look.
_FRESH = timedelta(minutes=1)


class Tile(msgspec.Struct, frozen=True):
    """One number, and the list that it is of."""

    key: str
    title: str
    value: str
    link: str = ""
    """Below `/console/`."""


class OverviewPage(msgspec.Struct, frozen=True):
    """How the server stands."""

    tiles: list[Tile]
    notices: list[Notice]
    span: str
    charts: list[Chart]
    """Of the last hour or day; none where only the numbers are asked for again."""
    since: datetime | None
    """Since when pictures are kept: they begin anew with each start."""
    workers: int
    """Processes that share the server."""
    counted: int
    """Of how many of them the pictures have what was counted last."""


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The page of this module."""
    return [
        Page(
            "overview",
            "Overview",
            partial(_overview, parts.insights),
            "overview.html",
            menu="Overview",
            letter="o",
            fragment="overview_live.html",
            asks=(Input("span", f"Of the pictures: one of {', '.join(SPANS)}."),),
        )
    ]


async def _overview(insights: Insights, visit: Visit) -> OverviewPage:
    values = await insights.values()
    there = {name: one.now() for name, one in insights.upstreams.items() if one.now is not None}
    clients = await _clients(insights)
    span = visit.query.first("span")
    span = span if span in SPANS else SPANS[0]
    began = insights.timeline.began
    polls = bool(visit.query.first("seen"))
    return OverviewPage(
        tiles_of(insights, values, there, visit),
        attention(values, insights.caps.total, there, insights.providers(), clients, visit.now),
        span,
        [] if polls else charts_of(insights.timeline, span, visit.now),
        None if began is None else datetime.fromtimestamp(began, UTC),
        insights.workers,
        insights.counted(),
    )


async def _clients(insights: Insights) -> list[ClientRow]:
    try:
        return (await insights.leaks.report(_HOUR, _FRESH, live=False)).clients
    except Unavailable:  # what else the page has, it has all the same
        return []


def tiles_of(
    insights: Insights,
    values: Mapping[str, float],
    there: Mapping[str, UpstreamNow],
    visit: Visit,
) -> list[Tile]:
    """The numbers at the top. What is not known has no number."""
    live, cap = _whole(values.get("sessiongate_sessions_live")), insights.caps.total
    days = days_left(values, visit.now)
    up = ["sessiongate_sessions_live" in values, *insights.providers().values()]
    tiles = [
        Tile("live", "Live sessions", f"{live} of {cap}" if cap else live, "sessions"),
        Tile(
            "logins", "Logins, last minute", _sum(insights, "logins_ok", 12), "audit?event=opened"
        ),
        Tile(
            "refused",
            "Refused, last 5 minutes",
            _sum(insights, "logins_refused", 60),
            "audit?event=login+refused",
        ),
        Tile("locked", "Locked names", _whole(values.get("sessiongate_names_locked")), "users"),
        Tile(
            "up",
            "Store and providers that answer",
            f"{sum(up)} of {len(up)}",
            "audit?result=unavailable",
        ),
        Tile(
            "certificate",
            "Certificate, days left",
            "–" if days is None else str(days),
            "settings" if ADMINISTER in visit.privileges else "",
        ),
    ]
    if there:
        used = sum(sum(one.sessions.values()) for one in there.values())
        most = sum(one.most for one in there.values())
        waiting = sum(one.waiters for one in there.values())
        saved = sum(one.saved for one in insights.upstreams.values())
        logins = sum(one.logins["ok"] for one in insights.upstreams.values())
        share = f"{saved / (saved + logins):.0%}" if saved + logins else "–"
        tiles += [
            Tile("upstream", "Sessions at upstreams", f"{used} of {most}", "pools"),
            Tile("waiting", "Calls that wait for one", str(waiting), "pools"),
            Tile("saved", "Logins saved there", share, "leaks"),
        ]
    return tiles


def _sum(insights: Insights, name: str, steps: int) -> str:
    values = insights.timeline.rings[0].series(SERIES.index(name))[-steps:]
    known = [one for one in values if not isnan(one)]
    return f"{sum(known):.0f}" if known else "–"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
