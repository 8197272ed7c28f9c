"""Programs that begin at the same moment, each in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 3


@contextmanager
def at_once(program: str, url: str, prefix: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that have just been let go, killed in the end.

    Each is given `url`, `prefix` and a name of its own, says "ready", and waits for a line.
    """
    running = [
        subprocess.Popen(
            (sys.executable, "-c", program, url, prefix, f"worker{number}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(AT_ONCE)
    ]
    try:
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in running:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        yield running
    finally:
        for one in running:
            one.kill()
            one.communicate()
