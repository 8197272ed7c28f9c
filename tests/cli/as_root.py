"""Runs commands as root, one after another, and tells what root did below a directory.

A program that reads requests in lines of JSON (`Request`) and answers each with a list: exit code,
output, whose rights the command had in the end, and what it did to paths below the directory while
it was still root. Each command runs in a child, so that what all of them import is imported once.

A request may have a script as well, of an attacker's: when one of Python's audit events that begin
with a path (`open`, `os.mkdir`) comes for PATH the COUNT-th time, the shell runs it, and only then
the command goes on: it has judged what was there before, and now meets what the script has made.
Nobody has to be quick.
"""

import contextlib
import gc
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module

import msgspec

from sessiongate.cli.main import main
from sessiongate.cli.root import COMMANDS
from sessiongate.plugins import STORES

PATIENCE = 120

HARMLESS = {"import", "os.getxattr"}
"""A directory's access list is looked at as its mode is: nothing is opened, no link followed."""


class Script(msgspec.Struct):
    """What the shell runs, and when."""

    event: str
    path: str
    count: int
    text: str
    seen: int = 0

    def look(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count the event's coming, and run the script when it is time."""
        if event != self.event or not isinstance(arguments[0], str | os.PathLike):
            return
        if os.fspath(arguments[0]) == self.path:
            self.seen += 1
            if self.seen == self.count:
                subprocess.run(["/bin/sh", "-ec", self.text], check=True)


class Request(msgspec.Struct):
    """Commands to run, and the directory that is looked at meanwhile."""

    below: str
    lines: list[list[str]]
    script: Script | None = None


class Done(msgspec.Struct):
    """What became of a command."""

    code: int
    said: str
    as_root: list[str]
    user: list[int]


def run(request: Request, line: Sequence[str]) -> Done:
    """Run one command in this process, which is then no good for anything else."""
    below, touched = request.below, list[str]()

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if os.geteuid() != 0:
            return
        for one in arguments:
            if isinstance(one, str | bytes | os.PathLike) and event not in HARMLESS:
                path = os.fsdecode(one)
                if path.startswith((f"{below}/", f"file:{below}/")) or path == below:
                    touched.append(f"{event} {path}")

    sys.addaudithook(look)
    if request.script is not None:
        sys.addaudithook(request.script.look)
    out = io.StringIO()
    with tempfile.TemporaryFile("w+") as beside:  # what is written by number, not to sys.stdout
        for number in (1, 2):
            os.dup2(beside.fileno(), number)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = command(line)
        beside.seek(0)
        said = out.getvalue() + beside.read()
    return Done(code, said, touched, list(os.getresuid()))


def command(line: Sequence[str]) -> int:
    """Run a command line. Its exit code."""
    sys.argv = ["sessiongate", *line]
    try:
        main()
    except SystemExit as left:
        return int(left.code or 0)
    except Exception:  # noqa: BLE001 - whoever asked finds the stack among what was said
        traceback.print_exc()
    return 0


def in_child(request: Request, line: Sequence[str]) -> Done:
    """Run one command in a child, and read what became of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            signal.alarm(PATIENCE)  # a command that waits for ever ends, and says nothing
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(msgspec.json.encode(run(request, line)))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return msgspec.json.decode(answer, type=Done)


def get_ready() -> None:
    """Do here, once, what each child would do again: imports, and what is found out and kept."""
    for address in COMMANDS.values():
        import_module(address.partition(":")[0])
    for kind in STORES.values():
        import_module(kind.partition(":")[0])
    with tempfile.TemporaryDirectory() as own, contextlib.redirect_stdout(io.StringIO()):
        for line in ("config show", "users list"):
            with contextlib.redirect_stderr(io.StringIO()):
                command([*line.split(), "--data-dir", own])
    gc.freeze()  # so that no child copies what it only looks through


if __name__ == "__main__":
    get_ready()
    for asked in sys.stdin:
        wanted = msgspec.json.decode(asked, type=Request)
        answers = [in_child(wanted, line) for line in wanted.lines]
        sys.stdout.write(json.dumps(msgspec.to_builtins(answers)) + "\n")
        sys.stdout.flush()
