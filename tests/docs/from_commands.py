"""The reference of commands, from the command line itself."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import typer

from sessiongate.cli.output import Exit
from sessiongate.cli.root import app
from tests.docs.tables import code, table

_MEANING = {
    Exit.OK: "Done.",
    Exit.REFUSED: "The answer is no: no such user or session, a problem that `check` has found, "
    "a data directory that another server owns.",
    Exit.SETTINGS: "The settings or the command line cannot be used. Every problem is named.",
    Exit.UPSTREAM: "An upstream cannot be reached (`check`, `upstream sessions`), and nothing "
    "else is wrong.",
    Exit.UNREACHABLE: "No server is running on this data directory, or it does not answer; or the"
    " store that holds the audit cannot be read.",
}


def exit_codes() -> str:
    """What each exit code means."""
    return table(("Code", "Meaning"), [(code(str(int(one))), _MEANING[one]) for one in Exit])


def commands_reference() -> str:
    """A heading for each command, what it does, and its options."""
    parts = []
    for name, command in commands():
        parts.append(f"### `sessiongate {name}`\n\n{' '.join(str(command.help).split())}")
        rows = [_row(one) for one in command.params]
        if rows:
            parts.append(table(("Argument or option", "What it is"), rows))
    return "\n\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its name as typed."""

    def inside(group: Any, before: str) -> Iterator[tuple[str, Any]]:
        for name, one in group.commands.items():
            whole = f"{before} {name}".strip()
            if hasattr(one, "commands"):
                yield from inside(one, whole)
            else:
                yield whole, one

    return inside(typer.main.get_command(app), "")


def _row(option: Any) -> tuple[str, str]:
    named = option.opts[0].startswith("-")
    shown = ", ".join(option.opts) if named else (option.metavar or option.name).upper()
    if named and not option.is_flag:
        shown += " " + (_choices(option) or (option.metavar or option.name).upper())
    about = str(option.help or "")
    notes = []
    if option.required:
        notes.append("Required.")
    default = getattr(option.default, "value", option.default)
    if named and not option.is_flag and default not in (None, "", ()):
        notes.append(f"Default: {code(str(default))}.")
    if option.envvar:
        notes.append(f"Also from the variable {code(str(option.envvar))}.")
    return code(shown), " ".join([about, *notes])


def _choices(option: Any) -> str:
    kind = option.type_descriptor.annotation
    return "|".join(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else ""
