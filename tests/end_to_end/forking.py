"""Commands as processes of their own, forked off one that has imported all that they need.

Importing takes two thirds of a server's start, and the tests start hundreds. What is forked off
is the same program: its own process, environment and streams, from `main` to the interpreter's
end. How it starts by itself, and in another locale, is for tests that start it by its name.

One such process serves one run of tests. It is told what to fork by a message, with the streams
to use; for each it leaves a process that waits, and says through a pipe who started and how it
ended.
"""

import atexit
import fcntl
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO

import sessiongate
from sessiongate.cli.main import main

_LARGEST_MESSAGE = 1 << 18
_STREAMS = 4  # stdin, stdout, stderr, and where its life is told
_NUMBER = 16  # bytes of one that is told there
_AS_STARTED = ("LD_", "LC_", "LANG", "PYTHON", "MALLOC_")
"""What the start of a process reads, once: with one of these set, only a start will do."""


def may_fork(environ: Mapping[str, str]) -> bool:
    """Whether a process with these variables would be as one that was started."""
    return all(os.environ.get(n) == v for n, v in environ.items() if n.startswith(_AS_STARTED))


class Forked:
    """`sessiongate` with these arguments: what there is of `subprocess.Popen[str]`."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        out, child_out = os.pipe()
        err, child_err = os.pipe()
        empty = os.open(os.devnull, os.O_RDONLY)
        self.stdout: IO[str] = os.fdopen(out, encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(err, encoding="utf-8")
        self._fork(arguments, environ, [empty, child_out, child_err])

    def _fork(
        self, arguments: Sequence[str], environ: Mapping[str, str], streams: Sequence[int]
    ) -> None:
        """Hand the streams over: here they are closed."""
        self._life, child_life = os.pipe()
        passed = [*streams, child_life]
        message = json.dumps([list(arguments), dict(environ), str(Path.cwd())]).encode()
        try:
            socket.send_fds(_forker(), [message], passed)
        finally:
            for one in set(passed):
                os.close(one)
        self.pid = self._told()
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """Its exit code, or minus the signal that ended it."""
        if self.returncode is None:
            ready, _, _ = select.select([self._life], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("sessiongate", timeout)
            self.returncode = os.waitstatus_to_exitcode(self._told())
            os.close(self._life)
        return self.returncode

    def _told(self) -> int:
        """One number of its life. Both may be there by then, where the machine is busy."""
        return int(os.read(self._life, _NUMBER))

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has just ended by itself
            self.send_signal(signal.SIGKILL)


class ForkedAtTerminal(Forked):
    """The same at a terminal, which is its own: its three streams, and its /dev/tty.

    `terminal` is the program's side of it, and closed here.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], terminal: int) -> None:
        self._fork(arguments, environ, [terminal] * 3)


@cache
def _forker() -> socket.socket:
    """The line to the process of this run, which ends with it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.forking", str(its.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
            cwd=Path(__file__).parents[2],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _import_all() -> None:
    """Import every module of the package, as far as this machine has what they need."""
    folder = Path(sessiongate.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        if path.name != "__main__.py" and "testing" not in path.parts:
            with suppress(ImportError):
                import_module(name.removesuffix(".__init__"))
    # What `serve` imports when it runs.
    for name in ("uvloop", "typer._adapters"):
        with suppress(ImportError):
            import_module(name)


def _serve(line: socket.socket) -> None:
    """Fork as told until the line ends. Returns in what is forked, as what it should be."""
    while True:
        message, passed, _, _ = socket.recv_fds(line, _LARGEST_MESSAGE, _STREAMS)
        _let_go()
        if not message:
            os._exit(0)
        if os.fork() == 0:
            child = os.fork()
            if child == 0:
                _become(json.loads(message), passed[:3])
                return
            _tell_of(child, passed[3])
        for one in passed:
            os.close(one)


def _let_go() -> None:
    """Collect those that have waited for another's end, and with them what both have used."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _tell_of(child: int, life: int) -> None:
    """Say who it is and, when it has ended, how."""
    os.closerange(0, life)
    os.closerange(life + 1, life + 64)
    os.write(life, b"%*d" % (_NUMBER, child))
    _, status = os.waitpid(child, 0)
    os.write(life, b"%*d" % (_NUMBER, status))
    os._exit(0)


def _become(told: tuple[Sequence[str], Mapping[str, str], str], streams: Sequence[int]) -> None:
    arguments, environ, folder = told
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, max(streams) + 64)
    # Tests that run as a job in the background, or without a terminal, ignore some of these.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if os.isatty(0):
        _log_in()
    # The streams of before knew what they led to, such as whether one can seek there.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["sessiongate", *arguments]


def _log_in() -> None:
    """Make the terminal its own, so that it is also what /dev/tty stands for."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


if __name__ == "__main__":
    _import_all()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    main()
