"""Which tabs get their 204 without a look: who has seen what is still so, and not for long."""

from datetime import timedelta

import msgspec

from sessiongate.operations.console.page import Page, Values, Visit
from sessiongate.operations.console.unchanged import FRESH, Unchanged
from sessiongate.session import Client
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import a_session


async def _look(_: Visit) -> msgspec.Struct:
    raise AssertionError("nobody looks")


PAGE = Page("sessions", "Sessions", _look)
MINE, OTHERS = a_session(), a_session(principal="eve")


def visit(query: str = "seen=v1", at: timedelta = timedelta(0)) -> Visit:
    return Visit(MINE, frozenset(), Client("", "", ""), T0 + at, Values.read(query))


def test_only_the_same_tab_with_the_same_mark_and_version_is_spared_and_for_a_while() -> None:
    known = Unchanged()
    assert not known.holds(PAGE, visit(), 1)
    known.note(PAGE, visit("did=ended"), 1, "v1")
    assert known.holds(PAGE, visit(at=timedelta(seconds=9)), 1)
    assert not known.holds(PAGE, visit(at=FRESH), 1)
    assert not known.holds(PAGE, visit(), 2)
    assert not known.holds(PAGE, visit("seen=v0"), 1)
    assert not known.holds(PAGE, visit("seen=v1&user=bob"), 1)
    assert not known.holds(PAGE, msgspec.structs.replace(visit(), session=OTHERS), 1)
    assert not known.holds(msgspec.structs.replace(PAGE, path="audit"), visit(), 1)


def test_of_what_has_no_mark_nobody_knows() -> None:
    known = Unchanged()
    known.note(PAGE, visit(), None, "v1")
    assert not known.holds(PAGE, visit(), None)


def test_no_more_tabs_are_remembered_than_a_bound() -> None:
    known = Unchanged()
    for number in range(1000):
        known.note(PAGE, visit(f"user=u{number}"), 1, "v1")
    kept = [n for n in range(1000) if known.holds(PAGE, visit(f"seen=v1&user=u{n}"), 1)]
    assert kept == list(range(1000 - len(kept), 1000))
    assert 0 < len(kept) < 1000
