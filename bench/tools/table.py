"""What is promised, what was measured, and the one table of both."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

PAIRS = 9
"""Alternating rounds of a whole run."""


class NotMeasured(Exception):
    """This could not be measured here; the text says why."""


@dataclass(frozen=True)
class Target:
    """One row before it is measured. `sign` is ">=" or "<="; "" promises nothing."""

    key: str
    measure: str
    against: str
    sign: str = ""
    bound: float = 0.0
    unit: str = ""
    limit: str = ""
    """Why it cannot hold, where that is known: then it is a limit and not short."""

    def holds(self, value: float) -> bool:
        """Whether this value keeps the promise."""
        return value >= self.bound if self.sign == ">=" else value <= self.bound


@dataclass(frozen=True)
class Measured:
    """The value of a target, and the absolute figures behind it."""

    key: str
    value: float
    note: str = ""
    between: tuple[float, float] | None = None
    """Between which values the true one is, where that is known of the measurement."""
    owed: bool = True
    """Whether the reason of the target's `limit` is seen in this run, if it has one."""

    @classmethod
    def of(cls, key: str, values: Iterable[float], note: str = "") -> "Measured":
        """The median of what rounds have found, and between which of them it is.

        Of nine the second and the eighth have the true median between them in 96 of 100 runs, of
        five the least and the greatest in 94. Of fewer they are no more than a hint.
        """
        found = sorted(values)
        middle, edge = median(found), 1 if len(found) >= PAIRS else 0
        return cls(key, middle, note, (found[edge], found[-1 - edge]))


@dataclass(frozen=True)
class Row:
    """One line of the table; `value` of None was not measured."""

    target: Target
    value: float | None
    note: str
    between: tuple[float, float] | None = None

    @property
    def state(self) -> str:
        """ok, short, limit, cannot tell or not measured; nothing where nothing was promised."""
        if self.value is None:
            return "not measured"
        if not self.target.sign:
            return "-"
        if self.between is not None and len(set(map(self.target.holds, self.between))) > 1:
            return "cannot tell"
        if self.target.holds(self.value):
            return "ok"
        return "limit" if self.target.limit else "short"

    @property
    def cells(self) -> tuple[str, ...]:
        """Measure, against, ratio, bound, state, note."""
        target = self.target
        sign = {">=": "≥ ", "<=": "≤ ", "": ""}[target.sign]
        value = "-" if self.value is None else _number(self.value, target.unit)
        bound = f"{sign}{_number(target.bound, target.unit)}" if sign else "-"
        why = f"; {target.limit}" if self.state == "limit" else ""
        return target.measure, target.against, value, bound, self.state, self.note + why


@dataclass(frozen=True)
class Part:
    """Measures that are taken together because they share servers."""

    name: str
    targets: Sequence[Target]
    run: "Callable[[Bench], Iterable[Measured]]"
    whole_run_only: bool = False
    """It takes too long for a quick run."""


@dataclass(frozen=True)
class Bench:
    """How much to measure: the same rows in every run, with fewer and shorter rounds if quick."""

    quick: bool

    @property
    def rounds(self) -> int:
        """Alternating rounds per ratio."""
        return 2 if self.quick else PAIRS

    @property
    def seconds(self) -> int:
        """How long each way is loaded per round: short, so that both sides meet the same noise."""
        return 1

    @property
    def many(self) -> int:
        """The great number of sessions."""
        return 100_000 if self.quick else 1_000_000


def rows_of(part: Part, bench: Bench) -> Iterator[Row]:
    """Measure a part. Every target gets a row, whatever goes wrong."""
    left = {target.key: _scaled(target, bench) for target in part.targets}
    why = "the measure ended without it"
    try:
        if part.whole_run_only and bench.quick:
            raise NotMeasured("in whole runs only")
        for measured in part.run(bench):
            target = left.pop(measured.key)
            if not measured.owed:
                target = replace(target, limit="")
            yield Row(target, measured.value, measured.note, measured.between)
    except NotMeasured as reason:
        why = " ".join(str(reason).split())
    for target in left.values():
        yield Row(target, None, why)


def _scaled(target: Target, bench: Bench) -> Target:
    """The target with the number of sessions that this run really has."""
    return (
        replace(target, measure=target.measure.replace("1 M", "100 k")) if bench.quick else target
    )


COLUMNS = ("measure", "against", "ratio", "bound", "state", "note")


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    cells = [COLUMNS, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS) - 1)]
    lines = []
    for line in cells:
        fixed = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        lines.append("  ".join([*fixed, line[-1]]).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def as_markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(row.cells) + " |" for row in rows]
    return "\n".join(lines)


def median(values: Iterable[float]) -> float:
    """The middle value; NotMeasured where there is none."""
    found = list(values)
    if not found:
        raise NotMeasured("no round was completed")
    return statistics.median(found)


def _number(value: float, unit: str) -> str:
    if unit:
        return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
