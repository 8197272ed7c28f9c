"""Runs commands as root, one after another, and tells what root did below a directory.

A program that reads lines of JSON, `[directory, [command line, ...]]`, and answers each with a
list: exit code, output, whose rights the command had in the end, and what it did to paths below the
directory while it was still root. Each command runs in a child, so that what all of them import is
imported once.
"""

import contextlib
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from sessiongate.cli.main import COMMANDS, main
from sessiongate.plugins import STORES

PATIENCE = 60

HARMLESS = {"import", "os.getxattr"}
"""A directory's access list is looked at as its mode is: nothing is opened, no link followed."""


def run(below: Path, line: Sequence[str]) -> dict[str, object]:
    """Run one command in this process, which is then no good for anything else."""
    touched: list[str] = []

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if os.geteuid() != 0:
            return
        for one in arguments:
            if isinstance(one, str | bytes | os.PathLike) and event not in HARMLESS:
                path = os.fsdecode(one)
                if path.startswith((f"{below}/", f"file:{below}/")) or path == str(below):
                    touched.append(f"{event} {path}")

    sys.addaudithook(look)
    out, code = io.StringIO(), 0
    sys.argv = ["sessiongate", *line]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        except Exception:  # noqa: BLE001 - whoever asked finds the stack among what was said
            traceback.print_exc(file=out)
    return {"code": code, "said": out.getvalue(), "as_root": touched, "user": os.getresuid()}


def in_child(below: Path, line: Sequence[str]) -> dict[str, object]:
    """Run one command in a child, and read what became of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            signal.alarm(PATIENCE)  # a command that waits for ever ends, and says nothing
            with os.fdopen(writing, "w") as pipe:
                json.dump(run(below, line), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    told: dict[str, object] = json.loads(answer)
    return told


if __name__ == "__main__":
    for address in COMMANDS.values():
        import_module(address.partition(":")[0])
    for kind in STORES.values():
        import_module(kind.partition(":")[0])
    for asked in sys.stdin:
        folder, lines = json.loads(asked)
        answers = [in_child(Path(folder), line) for line in lines]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()
