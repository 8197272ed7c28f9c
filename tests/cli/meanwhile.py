"""Runs one command, and does something else at a chosen moment of it, as an attacker would.

    python -m tests.cli.meanwhile EVENT PATH COUNT SCRIPT COMMAND...

EVENT is one of Python's audit events that begin with a path (`open`, `os.mkdir`). When it comes for
PATH the COUNT-th time, the shell runs SCRIPT, and only then the command goes on: it has judged what
was there before, and now meets what the script has made. Nobody has to be quick.
"""

import os
import subprocess
import sys

from sessiongate.cli.main import main

if __name__ == "__main__":
    event, path, count, script, *command = sys.argv[1:]
    seen: list[str] = []

    def look(what: str, arguments: tuple[object, ...]) -> None:
        """Count the event's coming, and run the script when it is time."""
        if what != event or not isinstance(arguments[0], str | os.PathLike):
            return
        if os.fspath(arguments[0]) == path:
            seen.append(what)
            if len(seen) == int(count):
                subprocess.run(["/bin/sh", "-ec", script], check=True)

    sys.addaudithook(look)
    sys.argv = ["sessiongate", *command]
    main()
