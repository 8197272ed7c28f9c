"""A command at a real terminal: a pseudo-terminal of a given width, and somebody who types."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.end_to_end.forking import Forked, ForkedAtTerminal
from tests.end_to_end.serving import environment
from tests.until import PATIENCE

CONTROL_C = b"\x03"

LOOKS = 10
"""Half seconds of silence after which it is pressed again: it has had time to come to something."""


def at_terminal(
    *args: str,
    width: int = 80,
    types: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run `sessiongate ...` there: its exit code, and all that the screen showed.

    `types` are pairs: once the screen shows the first text, the second is typed. Control-C is
    pressed again where nothing has come of it, and the command waits: Python reads a line after one
    that arrives between its question and its reading, as a person at a terminal also sees.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    kept = {name: value for name, value in environment().items() if name != "COLUMNS"}
    process = ForkedAtTerminal(args, {**kept, "TERM": "xterm", **(environ or {})}, theirs)
    try:
        shown = _watched(process, ours, list(types))
        return process.wait(PATIENCE), shown.replace("\r\n", "\n")
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)


def _watched(process: Forked, screen: int, types: list[tuple[str, str]]) -> str:
    shown, read_until = b"", time.monotonic() + PATIENCE
    typed, silence = b"", 0
    while time.monotonic() < read_until:
        ready, _, _ = select.select([screen], [], [], 0.5)
        if not ready:
            if process.poll() is not None:  # what it left behind may hold the terminal
                break
            silence += 1
            if typed == CONTROL_C and silence % LOOKS == 0 and _waits(process):
                os.write(screen, typed)
            continue
        silence = 0
        try:
            more = os.read(screen, 65536)
        except OSError:  # how Linux says that nobody has the other end any more
            break
        if not more:
            break
        shown += more
        if types and types[0][0] in shown.decode("utf-8", "replace"):
            typed = types.pop(0)[1].encode()
            os.write(screen, typed)
    return shown.decode("utf-8", "replace")


def _waits(process: Forked) -> bool:
    """Whether it sleeps. One that is kept from the processor may be on its way out."""
    try:
        told = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] == "S"
