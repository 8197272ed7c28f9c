"""Options of the commands that log in somewhere: where to, as whom, with which password.

A password comes from a file, from standard input, from what a command prints, or is typed. It never
stands on a command line: everybody on the machine may read those.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sessiongate.cli.login.targets import Dialect, Target, target_named
from sessiongate.cli.output import Exit, fail
from sessiongate.cli.prompts import hidden
from sessiongate.files import read_named
from sessiongate.secret import Secret, secret_text

_LONGEST = 1 << 16

ToOption = Annotated[
    str, typer.Option("--to", metavar="URL|NAME", help="The server, or a name that it was given.")
]
AsOption = Annotated[
    Dialect | None,
    typer.Option("--as", help="Which login; rest, unless the name says another."),
]
UserOption = Annotated[str | None, typer.Option("--user", help="Who logs in.")]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", help="File with the password alone.")
]
PasswordStdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="The first line of standard input.")
]
PasswordCommandOption = Annotated[
    str | None,
    typer.Option("--password-command", help="A command that prints it, such as 'pass show vc'."),
]
CaOption = Annotated[
    Path | None, typer.Option("--ca", help="PEM file of the CA of the server's certificate.")
]
FingerprintOption = Annotated[
    str | None, typer.Option("--fingerprint", help="SHA-256 of the server's certificate.")
]


def target_of(
    to: str,
    dialect: Dialect | None,
    user: str | None,
    ca: Path | None,
    fingerprint: str | None,
) -> Target:
    """What the options mean: they change what a name stands for."""
    given = {
        "dialect": dialect,
        "user": user,
        "ca": str(ca.absolute()) if ca is not None else None,
        "fingerprint": fingerprint,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(target_named(to), **changes)


def password_for(target: Target, file: Path | None, stdin: bool, command: str | None) -> Secret:
    """The password, from where the options say. Fails where there is none."""
    if (file is not None) + stdin + (command is not None) > 1:
        fail(Exit.SETTINGS, "give one of --password-file, --password-stdin, --password-command")
    if not target.user:
        fail(Exit.SETTINGS, "--user: is required, the name to log in with")
    try:
        if file is not None:
            return Secret(secret_text(read_named(file, _LONGEST)))
        if stdin:
            return Secret(secret_text(_first_line_of_stdin()))
        if command is not None:
            return Secret(secret_text(_first_line_of(command)))
    except OSError as problem:
        fail(Exit.SETTINGS, f"--password-file: {problem.strerror}")
    except UnicodeDecodeError:
        fail(Exit.SETTINGS, "the password is not UTF-8")
    if not sys.stdin.isatty():
        fail(
            Exit.SETTINGS,
            "there is nobody to ask for the password: give --password-file, --password-stdin or"
            " --password-command",
        )
    return Secret(hidden(f"Password of {target.user} at {target.url}"))


def _first_line_of_stdin() -> bytes:
    """Byte by byte: what follows is for the command that is run."""
    line = b""
    while len(line) < _LONGEST:
        one = os.read(0, 1)
        if one in (b"", b"\n"):
            break
        line += one
    return line


def _first_line_of(command: str) -> bytes:
    try:
        words = shlex.split(command)
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)  # noqa: S603 - as asked
    except (ValueError, IndexError, OSError):
        fail(Exit.SETTINGS, "--password-command: cannot be run")
    if done.returncode:
        fail(Exit.SETTINGS, f"--password-command: ended with {done.returncode}")
    return done.stdout.partition(b"\n")[0]
