"""Measure speed and memory, print one table. `bench/setup` installs the peers.

Ratios of one run count, absolute figures do not: both sides of a ratio are measured in turns, in
the same run on the same machine, and the median over the rounds is shown. What cannot be measured
is "not measured", and what the spread of a measurement leaves open is "cannot tell": never ok. Exit
code 0 says that the table is there, whatever is in it.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from parts import (
    access,
    beside,
    checks,
    console,
    fairness,
    forwarding,
    logins,
    shared,
    soap,
    starts,
    stores,
    tickets,
)
from tools import populate
from tools.children import scratch
from tools.facts import facts_of
from tools.spent import Spent
from tools.table import Bench, Row, as_markdown, as_text, rows_of

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- table: written by bench/run.py --write -->", "<!-- end of table -->")

PARTS = (
    *checks.PARTS,
    *beside.PARTS,
    *access.PARTS,
    *logins.PARTS,
    *soap.PARTS,
    *stores.PARTS,
    *shared.PARTS,
    *forwarding.PARTS,
    *tickets.PARTS,
    *starts.PARTS,
    *fairness.PARTS,
    *console.PARTS,
)

# A whole run, and a quick one. No part begins after its time.
LONGEST = 1800.0
LONGEST_QUICK = 480.0


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    with scratch() as kept:
        os.environ[populate.KEPT] = str(kept)
        rows = _measured(options)
    facts = facts_of(quick=options.quick)
    print(as_text(rows))
    print()
    print("\n".join(facts))
    if options.write:
        _write(rows, facts)


def _measured(options: argparse.Namespace) -> list[Row]:
    """The rows of all parts, or of those that were asked for."""
    bench = Bench(options.quick)
    until = time.monotonic() + (LONGEST_QUICK if options.quick else LONGEST)
    whole = Spent()
    rows: list[Row] = []
    for part in PARTS:
        if options.only and part.name not in options.only:
            continue
        if time.monotonic() > until:
            rows += [Row(target, None, "the run's time was up") for target in part.targets]
            continue
        print(f"measuring {part.name} ...", file=sys.stderr, flush=True)
        began, spent = time.monotonic(), Spent()
        rows += rows_of(part, bench)
        took = time.monotonic() - began
        print(f"  {took:.0f} s: {_told(spent)}", file=sys.stderr, flush=True)
    print(f"all: {_told(whole)}", file=sys.stderr, flush=True)
    return rows


def _told(spent: Spent) -> str:
    """How long it takes where nothing else runs, as far as that can be counted."""
    slices, besides = spent.seconds, spent.besides
    return f"{slices:.0f} s of slices and {besides:.0f} s of work besides, {slices + besides:.0f} s"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    names = [part.name for part in PARTS]
    parser.add_argument("--only", nargs="+", choices=names, help="measure these parts")
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds; 100 k for 1 M")
    parser.add_argument("--write", action="store_true", help=f"keep the table in docs/{PAGE.name}")
    options = parser.parse_args()
    if options.write and (options.only or options.quick):
        parser.error("--write keeps whole runs only")
    return options


class _Plain(argparse.RawDescriptionHelpFormatter):
    """The description as it is written."""


def _write(rows: list[Row], facts: list[str]) -> None:
    """Put the table between its marks on the page; the words around it stay."""
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        sys.exit(f"{PAGE} has no place for the table")
    table = "\n".join([as_markdown(rows), "", *(f"- {fact}" for fact in facts)])
    PAGE.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
