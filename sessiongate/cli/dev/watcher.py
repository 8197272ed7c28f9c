"""A process that cleans up where `dev` is killed.

It is forked before there are threads, and holds one end of a pipe whose other end is `dev`'s. When
that end is gone and nobody has said that all is well, it ends the command with its process group,
and removes the files.
"""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from sessiongate.files import null_device, read_named
from sessiongate.testing.ready_file import remove_ready_file

GRACE = 5.0
"""Seconds that the command has to end by itself."""

_LOOKS = 0.05
_DONE = b"done\n"


class Watcher:
    """Our end of the pipe."""

    def __init__(self, line: int, pid: int) -> None:
        self._line, self._pid = line, pid

    @classmethod
    def start(cls, folder: Path, ready_file: Path | None) -> "Watcher":
        """Fork it. It removes this directory, and this file if it is ours by then."""
        reads, writes = os.pipe()
        ours = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(writes)
            _watch(reads, folder, ready_file, ours)
        os.close(reads)
        return cls(writes, pid)

    def command_runs(self, group: int) -> None:
        """From now on this process group is the command's."""
        os.write(self._line, f"{group}\n".encode())

    def done(self) -> None:
        """Say that all is cleaned up, so that it ends and does nothing."""
        os.write(self._line, _DONE)
        os.close(self._line)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _watch(line: int, folder: Path, ready_file: Path | None, ours: int) -> NoReturn:
    """The life of the watcher of process `ours`, which may be gone already."""
    try:
        _stand_apart(line)
        said = b""
        while piece := os.read(line, 4096):
            said += piece
        if not said.endswith(_DONE):
            group = int(said) if said.strip() else group_beside(folder)
            if group is not None:
                _end(group)
            shutil.rmtree(folder, ignore_errors=True)
            if ready_file is not None:
                remove_ready_file(ready_file, ours)
    finally:
        # Neither what `atexit` has nor what our caller would do next is for this process.
        os._exit(0)


def group_beside(folder: Path) -> int | None:
    """The process group of a command whose environment has this directory; None for none.

    Its group is told after its start, and between the two `dev` may be killed. Only Linux shows
    the environment of others.
    """
    mark = f"SESSIONGATE_DATA_DIR={folder}".encode()
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in read_named(place).split(b"\0"):
                return os.getpgid(int(place.parent.name))
    return None


def _stand_apart(line: int) -> None:
    """No key at the terminal and no signal to our group reaches it, and it keeps nothing open."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = null_device()
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.closerange(3, line)
    os.closerange(line + 1, 1024)


def _end(group: int) -> None:
    until = time.monotonic() + GRACE
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)
        while time.monotonic() < until:
            os.killpg(group, 0)  # ProcessLookupError: it has ended
            time.sleep(_LOOKS)
        os.killpg(group, signal.SIGKILL)
