"""Copies of audit events on our own standard output or error, for whoever collects it.

In a container and under a service manager that is a pipe or a socket. No other pipe is written to:
one that is named by a file could be anybody's.
"""

import errno
import os
import select
from pathlib import Path

NUMBERS = {Path("/dev/stdout"): 1, Path("/dev/stderr"): 2}
"""The names that stand for our own output, and its descriptor."""

# So much goes into a pipe at once, or waits until it does (POSIX, PIPE_BUF at least; Linux).
_AT_ONCE = 4096


class OwnOutput:
    """One of our own outputs. A reader who does not read is waited for as long as `send` says."""

    name = "audit.file"

    def __init__(self, number: int) -> None:
        self._number = number
        self._torn = False

    def send(self, line: bytes, within: float) -> None:
        """Write one line. Raises OSError where nobody takes it in time."""
        left = (b"\n" if self._torn else b"") + line + b"\n"
        ready = select.poll()
        ready.register(self._number, select.POLLOUT)
        whole = len(left)
        while left:
            if not ready.poll(within * 1000):
                self._torn = len(left) < whole
                raise OSError(errno.EAGAIN, "nobody reads it")
            left = left[os.write(self._number, left[:_AT_ONCE]) :]
        self._torn = False

    def abort(self) -> None:
        """Nothing wakes a write; it ends by itself after `within`."""

    def close(self) -> None:
        """It is not ours to close."""
