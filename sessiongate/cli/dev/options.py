"""Options of `dev` alone, and which of them do not go together."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.cli.output import Exit, Output, fail
from sessiongate.telemetry.logs import LogLevel


class OnLeaks(StrEnum):
    """What becomes of sessions that are open at the end."""

    FAIL = "fail"
    WARN = "warn"
    OFF = "off"


CommandArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- COMMAND...]", help="What to run while the server is there."),
]
UserOption = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        metavar="NAME:PASSWORD[:ROLE]",
        help="Who may log in, by default as an administrator. May be repeated.",
    ),
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="CLIENT[,CLIENT...]",
        help="What else COMMAND finds: the variables of govc, requests, curl, zerto, powercli.",
    ),
]
LeaksOption = Annotated[
    OnLeaks,
    typer.Option(help="Sessions that are open at the end: fail (exit code 4), warn or off."),
]
ReadyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--ready-file", help="Says where and who, as JSON, for as long as the server listens."
    ),
]
StdinOption = Annotated[
    bool, typer.Option("--exit-on-stdin-eof", help="Stop when standard input ends.")
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, help="What chance comes from; by default random.")
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar='"FAULT [NAME=VALUE]..."',
        help="What requests meet on purpose, as in `sessiongate faults add`. May be repeated.",
    ),
]
ScenarioOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="Faults that go together, as in `sessiongate scenario`. May be repeated.",
    ),
]
HeaderOption = Annotated[
    bool,
    typer.Option("--no-fault-header", help="No reply names the rule of a fault that it has met."),
]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Settings file (TOML). Its store, users and copies of the audit stay out."
    ),
]
QuieterOption = Annotated[
    LogLevel | None,
    typer.Option("--log-level", help="The least that is logged: info, with COMMAND warning."),
]


def refuse_what_clashes(
    command: Sequence[str] | None,
    output: Output,
    *,
    stdin: bool,
    kinds: Sequence[str],
    ready_file: Path | None,
) -> None:
    """Fail where options ask for what cannot be, or cannot be together."""
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        fail(
            Exit.SETTINGS,
            f"--ready-file: there is no directory {ready_file.parent}; make it first",
        )
    if command and output is Output.JSON:
        fail(
            Exit.SETTINGS,
            "--output json: standard output is the command's, which finds all of it in its"
            " environment; or take --ready-file",
        )
    if command and stdin:
        fail(Exit.SETTINGS, "--exit-on-stdin-eof: standard input is the command's; leave one out")
    if kinds and not command:
        fail(Exit.SETTINGS, "--env: is for a command; usage: sessiongate dev --env govc -- COMMAND")
