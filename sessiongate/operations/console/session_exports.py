"""Sessions as files to keep: all that fit a filter, as CSV for spreadsheets and as JSON."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec

from sessiongate.operations.console.page import Page, Raw, Visit
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.session_lines import (
    FILTER,
    SessionLine,
    all_that_fit,
    line_of,
)
from sessiongate.session import Session

_PORTION = 20
"""Lines until others get their turn: some 2 ms. All of them at once took half a second."""

_COLUMNS = (
    *("user", "full_name", "roles", "provider", "dialect", "ip_address", "user_agent", "client"),
    *("login_at", "active_at", "idle_seconds", "seconds_left", "calls", "key", "upstream"),
)


_CSV = "text/csv; charset=utf-8"


def pages(parts: ConsoleParts) -> list[Page]:
    """The addresses of this module."""
    return [
        Page(
            "sessions/export.csv",
            "Sessions as CSV",
            partial(_csv, parts),
            asks=FILTER,
            content_type=_CSV,
        ),
        Page("sessions/export.json", "Sessions as JSON", partial(_json, parts), asks=FILTER),
    ]


async def _portions(
    parts: ConsoleParts, visit: Visit, found: Sequence[Session]
) -> AsyncIterator[list[SessionLine]]:
    for first in range(0, len(found), _PORTION):
        yield [line_of(parts, one, visit) for one in found[first : first + _PORTION]]
        await asyncio.sleep(0)


async def _csv(parts: ConsoleParts, visit: Visit) -> Raw:
    found, _ = await all_that_fit(parts, visit, visit.query)
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow(_COLUMNS)
    async for lines in _portions(parts, visit, found):
        for facts in msgspec.to_builtins(lines):
            out.writerow([_cell(facts[name]) for name in _COLUMNS])
    return Raw(text.getvalue().encode(), _CSV, "sessions.csv")


def _cell(value: object) -> object:
    """What clients send is no formula, also where a spreadsheet parts cells by another character.

    Quotes do not help there: of `"a","x;=1"` a reader that parts by semicolons has `=1` for a cell.
    """
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return _FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) else value


# Where a cell may begin, and what may stand before its text, if that is taken for a formula.
_FORMULA = re.compile(r"(?:^|[,;|\t\r\n])[\s\"']*(?=[=+@-])")


async def _json(parts: ConsoleParts, visit: Visit) -> Raw:
    found, more = await all_that_fit(parts, visit, visit.query)
    lines = [
        msgspec.json.encode(one)
        async for portion in _portions(parts, visit, found)
        for one in portion
    ]
    content = b'{"sessions":[%b],"more":%b}' % (b",".join(lines), msgspec.json.encode(more))
    return Raw(content, "application/json", "sessions.json")
