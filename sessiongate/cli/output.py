"""How commands talk: tables for people, JSON for scripts, and what went wrong for both.

A command that cannot do its work raises `Failed`; `main` tells it, on standard error for people and
as JSON on standard output where that was asked for.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import IO, NoReturn

import msgspec

from sessiongate.cli.table import Column, render


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
    """No server is running, or it does not answer; or nobody can read what the store keeps."""
    UPSTREAM = 4
    """An upstream cannot be reached, and nothing else was wrong."""


class Failed(Exception):
    """A command cannot do its work, and why: a sentence for each problem."""

    def __init__(self, code: Exit, sentences: Sequence[str]) -> None:
        super().__init__("; ".join(sentences))
        self.code = code
        self.sentences = tuple(sentences)


_ANSI = {"red": "31", "green": "32", "yellow": "33", "heading": "1", "bold": "1", "dim": "2"}
_COLOURS = {
    "ok": "green",
    "note": "yellow",
    "problem": "red",
    "refused": "red",
    "unavailable": "yellow",
}


def fail(code: Exit, *sentences: str) -> NoReturn:
    """Leave the command with what went wrong."""
    raise Failed(code, sentences)


def print_problems(sentences: Sequence[str], output: Output) -> None:
    """Say what went wrong: a line of stderr for each sentence, or JSON on standard output."""
    if output is Output.JSON:
        show_json({"ok": False, "problems": list(sentences)})
        return
    who = _painted("sessiongate:", "red", sys.stderr)
    for sentence in sentences:
        print(f"{who} {clean(sentence)}", file=sys.stderr)


def show_rows(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[Column | str],
    output: Output,
    none: str,
    *,
    wide: bool = False,
    more: str = "",
) -> None:
    """Rows as a table of these columns, or as a JSON array of whole rows.

    A terminal shows what it has room for, and with `wide` everything. What is no terminal gets
    everything too, a line for each row, for grep and cut. `more` says how to see columns that
    there was no room for.
    """
    if output is Output.JSON:
        show_json(rows)
        return
    if not rows:
        print_sentence(none)
        return
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal and not wide else None
    lines, dropped = table_lines(rows, columns, width)
    for line in lines:
        print(line)
    if dropped and more:
        print(_painted(f"{more}: {', '.join(dropped)}", "dim", sys.stdout))


def table_lines(
    rows: Sequence[Mapping[str, object]], columns: Sequence[Column | str], width: int | None
) -> tuple[list[str], list[str]]:
    """The lines of a table, with its head, and the names of columns that there is no room for."""
    shown = [Column(one) if isinstance(one, str) else one for one in columns]
    cells = [[_cell(row.get(column.name)) for column in shown] for row in rows]
    return render(shown, cells, width, _in_style)


def show_facts(facts: Mapping[str, object], output: Output) -> None:
    """One thing, a line per fact, or as a JSON object.

    Values are never folded: a fingerprint that a terminal breaks by itself can still be copied.
    """
    if output is Output.JSON:
        show_json(facts)
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        label = _painted(clean(name).replace("_", " "), "bold", sys.stdout)
        print(f"{label}{' ' * (width - len(name))}  {_cell(value)}")


def show_json(value: object) -> None:
    """A value as indented JSON: UTF-8, or ASCII where standard output is of another encoding."""
    print(_writable(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def json_line(value: object) -> str:
    """A value as one line of JSON, for standard output."""
    return _writable(msgspec.json.encode(value).decode())


def note(sentence: str) -> None:
    """Something to know beside the answer, on stderr."""
    print(f"{_painted('sessiongate:', 'yellow', sys.stderr)} {clean(sentence)}", file=sys.stderr)


def print_sentence(sentence: str) -> None:
    """The answer in a sentence."""
    print(clean(sentence))


def clean(text: str) -> str:
    """The text without what would steer a terminal, for one line.

    What a client called itself, a file holds or a socket answers is not the operator's to vouch
    for: where root looks after somebody else's directory, all of it is somebody else's.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _is_utf8(stream: IO[str]) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return str(encoding).lower().replace("-", "").replace("_", "") == "utf8"


def _writable(json: str) -> str:
    """The same JSON for standard output, with escapes for what it cannot take or a terminal would.

    Either stands in texts only: JSON itself is of ASCII, and escapes what comes before the blank.
    """
    if not _is_utf8(sys.stdout):
        return re.sub(r"[^\x00-\x7e]", lambda found: _escaped(found[0]), json)
    return "\n".join(
        line
        if line.isprintable()
        else "".join(one if one.isprintable() else _escaped(one) for one in line)
        for line in json.split("\n")
    )


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _in_style(text: str, style: str) -> str:
    return _painted(text, _COLOURS.get(style, style), sys.stdout)


def _painted(text: str, colour: str, stream: IO[str]) -> str:
    """The text in this colour, on a terminal that takes colours and where nobody minds them."""
    code = _ANSI.get(colour)
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    if not text or code is None or plain or not stream.isatty():
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(map(str, value))
    return clean(str(value))
