"""Lists of sessions: filtered first, then in order, then in pages; also of very many."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sessiongate.errors import InvalidArgument
from sessiongate.operations.console import session_lines
from sessiongate.operations.console.session_lines import ROWS, ListedSessions, listed
from sessiongate.rules.session_filter import SessionFilter
from sessiongate.session import Session
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import NO_CAPS, a_session
from tests.each import each
from tests.gate import Gate

ALL = SessionFilter()


async def kept(gate: Gate, count: int) -> list[Session]:
    """So many sessions, each a second younger; of every third one the last call is the newest."""
    made = []
    for number in range(count):
        at = T0 + timedelta(seconds=number)
        used = T0 + timedelta(seconds=1000 - number if number % 3 == 0 else number)
        one = msgspec.structs.replace(
            a_session(principal=f"user{number % 2}", at=at), active_at=used, call_count=number % 7
        )
        made.append(one)
        await gate.store.add(one, NO_CAPS)
    return made


async def every_page(
    gate: Gate, wanted: SessionFilter, order: str
) -> tuple[list[str], list[ListedSessions]]:
    keys, pages, after = [], [], ""
    for _ in range(20):
        page = await listed(gate.sessions, wanted, T0, order, after)
        pages.append(page)
        keys += [one.key for one in page.sessions]
        after = page.following
        if not after:
            return keys, pages
    raise AssertionError("the pages do not end")


@each(
    ("order", "by"),
    [
        ("last", lambda one: (one.active_at, one.key)),
        ("signed", lambda one: (one.login_at, one.key)),
        ("calls", lambda one: (one.call_count, one.key)),
    ],
)
async def test_pages_follow_one_another_without_a_gap(
    order: str, by: Callable[[Session], Any], gate: Gate
) -> None:
    made = await kept(gate, 2 * ROWS + 7)
    keys, pages = await every_page(gate, ALL, order)
    assert keys == [one.key for one in sorted(made, key=by, reverse=True)]
    assert [len(page.sessions) for page in pages] == [ROWS, ROWS, 7]
    assert {(page.total, page.more) for page in pages} == {(2 * ROWS + 7, False)}
    for one in made:
        await gate.store.end(one.key)


async def test_a_filter_comes_before_the_pages(gate: Gate) -> None:
    made = await kept(gate, 2 * ROWS)
    wanted = SessionFilter(user="user1")
    page = await listed(gate.sessions, wanted, T0)
    assert (len(page.sessions), page.total, page.following) == (ROWS, ROWS, "")
    assert {one.principal for one in page.sessions} == {made[1].principal}


async def test_of_too_many_the_newest_logins_come_first_and_pages_still_follow(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_lines, "EXACT", ROWS)
    made = await kept(gate, 3 * ROWS + 1)
    keys, pages = await every_page(gate, ALL, "last")
    assert keys == [one.key for one in reversed(made)]
    assert {(page.total, page.more, page.order) for page in pages} == {(ROWS, True, "signed")}


@each(
    ("order", "after"),
    [
        ("wrong", ""),
        ("last", "last"),
        ("last", "last.x.key"),
        ("last", "last.-1.key"),
        ("last", "last.99999999999999999999.key"),
        ("last", "calls.1.key"),
        ("last", "last.²³.key"),
    ],
)
async def test_a_place_or_order_that_is_none_is_refused(order: str, after: str, gate: Gate) -> None:
    with pytest.raises(InvalidArgument):
        await listed(gate.sessions, ALL, T0, order, after)
