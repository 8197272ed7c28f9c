"""A test of many cases goes on after one that fails, names it, and fails."""

import pytest

from tests.each import each

pytest_plugins = ["pytester"]

WRITTEN = '''
import pytest
from tests.each import each

told = []

@pytest.fixture
def shared():
    return told

@each("left", [1, 2], ids=["one", "two"])
@each(("right", "more"), [("x", 0), pytest.param("y", 1, id="why"), ("z", 2)])
def test_all(left, shared, right, more):
    """What is said of it."""
    shared.append((left, right))
    assert (left, more) != (2, 1), f"{left} is not good"

@each("value", [1, 2])
def test_skipped(value):
    pytest.skip("not today")

@pytest.mark.asyncio
@each("value", "ab", ids=str.upper)
async def test_awaited(value):
    assert value == "a"

def test_each_was_told():
    assert told == [(a, b) for b in "xyz" for a in (1, 2)] or told == [
        (a, b) for a in (1, 2) for b in "xyz"
    ]
    assert test_all.__doc__ == "What is said of it."
'''


def test_cases_are_tried_each_and_those_that_fail_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WRITTEN)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore")
    report = done.stdout.str()
    # The tests themselves fail as well, so that a selection of what failed finds them.
    done.assert_outcomes(passed=1, failed=4, skipped=1)
    assert "test_all [why-two]" in report
    assert "2 is not good" in report
    assert "test_awaited [B]" in report
    assert "[A]" not in report


def test_a_mark_on_a_case_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="takes no marks"):
        each("one", [pytest.param(1, marks=pytest.mark.slow)])


def test_no_case_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="no case of one"):
        each("one", [])
