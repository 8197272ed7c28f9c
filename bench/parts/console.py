"""The console: how long its first page takes, and what open tabs cost everybody else.

By the processor time of the server's event loop, so that other work on the machine does not show.
"""

from collections.abc import Iterator

from tools.children import result_of
from tools.table import Bench, Measured, Part, Target

_PATIENCE = 240.0
"""Seconds: a million sessions are written, loaded and looked through."""


def _pages(bench: Bench) -> Iterator[Measured]:
    seconds = 2 if bench.quick else 5
    turns = []
    for key, count in (("some", 100_000), ("many", bench.many)):
        told = result_of("listing.py", "pages", str(count), str(seconds), timeout=_PATIENCE)
        first, later, same, quiet, asked = told
        note = f"of processor time; later ones {later:.1f} ms, a poll that finds no news {same:.2f}"
        yield Measured(key, first, note)
        turns.append((asked, quiet, count))
    asked, quiet, count = max(turns)
    note = f"of processor time, at {count:,} sessions; while nothing is asked {quiet:.2f} ms"
    yield Measured("turn", asked, note)


def _tabs(bench: Bench) -> Iterator[Measured]:
    seconds = 4 if bench.quick else 20
    told = result_of("listing.py", "tabs", "100000", str(seconds), timeout=_PATIENCE)
    alone, beside, polls = told
    note = f"{alone:.2g} ms of processor time without, {beside:.2g} with, {polls:.0f} polls"
    yield Measured("tabs", beside / alone, note)


PARTS = (
    Part(
        "console",
        (
            Target("some", "first page of the console, 100,000 sessions", "-", "<=", 150, "ms"),
            Target("many", "first page of the console, a million sessions", "-", "<=", 300, "ms"),
            Target("turn", "longest turn of the event loop for such a page", "-", "<=", 5, "ms"),
        ),
        _pages,
    ),
    Part(
        "tabs",
        (Target("tabs", "p99 of a check with three polling tabs", "without", "<=", 1.1),),
        _tabs,
    ),
)
"""What is promised of the console."""
