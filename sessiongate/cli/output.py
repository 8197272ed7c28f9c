"""How commands talk: tables for people, JSON for scripts, one line of regret on stderr."""

import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import NoReturn

import msgspec
from rich.console import Console
from rich.table import Table


class Output(StrEnum):
    """The form that a command answers in."""

    TABLE = "table"
    JSON = "json"


class Exit(IntEnum):
    """Exit codes. 2 is also what a wrong command line gives."""

    OK = 0
    REFUSED = 1
    """The answer is no: unknown user or session, a failed check."""
    SETTINGS = 2
    """The settings or the command line cannot be used."""
    UNREACHABLE = 3
    """No server is running, or it does not answer."""


def fail(code: Exit, *sentences: str) -> NoReturn:
    """Say what went wrong, each sentence on a line of stderr, and leave."""
    for sentence in sentences:
        print(f"sessiongate: {sentence}", file=sys.stderr)
    raise SystemExit(int(code))


def show_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], output: Output, none: str
) -> None:
    """Rows as a table of these columns, or as a JSON array of whole rows."""
    if output is Output.JSON:
        show_json(rows)
        return
    if not rows:
        print(none)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " ").upper(), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    _console().print(table)


def show_facts(facts: Mapping[str, object], output: Output) -> None:
    """One thing, a line per fact, or as a JSON object."""
    if output is Output.JSON:
        show_json(facts)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _cell(value))
    _console().print(table)


def show_json(value: object) -> None:
    """A value as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _console() -> Console:
    # A pipe is no 80-column terminal: rows stay on one line for grep and cut.
    return Console(
        width=None if sys.stdout.isatty() else 400, markup=False, highlight=False, emoji=False
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(map(str, value))
    # What a client called itself must not steer the operator's terminal.
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))
