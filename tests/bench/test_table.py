"""What a row of the benchmark's table says of a value and of the rounds behind it."""

from collections.abc import Iterator

import pytest

from bench.tools.table import PAIRS, Bench, Measured, NotMeasured, Part, Row, Target, rows_of
from tests.each import each

QUICK = Bench(quick=True)
TARGET = Target("one", "a check", "nginx", ">=", 0.9, limit="owed to a peer")


def row_of(*measured: Measured, target: Target = TARGET) -> Row:
    part = Part("part", (target,), lambda _: measured)
    [row] = rows_of(part, QUICK)
    return row


@each(
    ("measured", "state"),
    [
        (Measured("one", 0.95), "ok"),
        (Measured("one", 0.9), "ok"),
        (Measured("one", 0.8), "limit"),
        (Measured("one", 0.8, owed=False), "short"),
        (Measured("one", 0.95, between=(0.91, 0.99)), "ok"),
        (Measured("one", 0.95, between=(0.89, 0.99)), "cannot tell"),
        (Measured("one", 0.8, between=(0.7, 0.91)), "cannot tell"),
    ],
)
def test_a_row_has_one_state(measured: Measured, state: str) -> None:
    assert row_of(measured).state == state


def test_a_row_without_a_bound_promises_nothing() -> None:
    assert row_of(Measured("one", 0.1), target=Target("one", "a check", "nginx")).state == "-"


def test_a_limit_says_why() -> None:
    assert row_of(Measured("one", 0.8, "two rounds")).cells[-1] == "two rounds; owed to a peer"
    assert row_of(Measured("one", 0.95, "two rounds")).cells[-1] == "two rounds"


def test_what_was_not_measured_has_a_row_that_says_why() -> None:
    def broken(_: Bench) -> Iterator[Measured]:
        yield Measured("one", 0.95)
        raise NotMeasured("wrk is\n missing")

    targets = (TARGET, Target("two", "its p99", "-"))
    first, second = rows_of(Part("part", targets, broken), QUICK)
    assert (first.state, second.state, second.note) == ("ok", "not measured", "wrk is missing")


@each(
    ("values", "value", "between"),
    [
        ([3.0, 1.0, 2.0], 2.0, (1.0, 3.0)),
        (map(float, range(1, PAIRS + 1)), 5.0, (2.0, 8.0)),
    ],
)
def test_the_median_stands_between_rounds(
    values: list[float], value: float, between: tuple[float, float]
) -> None:
    measured = Measured.of("one", values)
    assert (measured.value, measured.between) == (value, between)


def test_of_no_round_there_is_no_median() -> None:
    with pytest.raises(NotMeasured):
        Measured.of("one", [])
