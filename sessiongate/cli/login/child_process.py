"""A command that is run for somebody: in a process group of its own, with the terminal if there is
one, with our signals passed on, and with an exit code as shells have it.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Protocol, Self

from sessiongate.cli.output import note

NOT_EXECUTABLE, NOT_FOUND = 126, 127
SIGNALLED = 128

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that ask for an end: the command gets them."""

_GRACE = 10.0
"""Seconds from a signal that was passed on to the end that nobody can ignore."""


class Readable(Protocol):
    """What `select` can wait for."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


class Signals:
    """Signals as bytes to be read: nothing is interrupted, and none is lost.

    One that is ignored stays so, unless it is `heeded` all the same.
    """

    def __init__(self, heeded: Collection[int] = ()) -> None:
        self._heeded = heeded

    def __enter__(self) -> Self:
        """Take them over."""
        self._reads, writes = os.pipe()
        os.set_blocking(writes, False)
        os.set_blocking(self._reads, False)
        self._writes = writes
        self._before = {
            number: signal.signal(number, _nothing)
            for number in (*PASSED_ON, signal.SIGCHLD)
            # Ignored: by nohup, or as a job in the background.
            if number in self._heeded or signal.getsignal(number) is not signal.SIG_IGN
        }
        self._wakeup = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
        self._terminal = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        """Give them back."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGTTOU, self._terminal)
        os.close(self._reads)
        os.close(self._writes)

    def fileno(self) -> int:
        """For `select`: there are some."""
        return self._reads

    def received(self) -> list[int]:
        """The numbers of the signals that came since the last call, in order."""
        with suppress(BlockingIOError):
            return list(os.read(self._reads, 4096))
        return []


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Its byte is in the pipe."""


class Child:
    """A command that runs. `wait` is where we are until it has ended."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start it. Raises OSError where that cannot be."""
        self._terminal = _terminal()
        self._process = subprocess.Popen(  # noqa: S603 - what the caller has asked us to run
            list(command), env=dict(environ), preexec_fn=self._in_the_foreground, process_group=0
        )
        self._killed_at: float | None = None

    def _in_the_foreground(self) -> None:
        """In the child, before it becomes the command."""
        if self._terminal is not None:
            os.tcsetpgrp(self._terminal, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)

    def wait(
        self,
        signals: Signals,
        others: Sequence[tuple[Readable, Callable[[], bool]]],
        due: Callable[[], float | None],
    ) -> int:
        """Its exit code. Meanwhile signals are passed on.

        `others` are what else to wait for, and what to do then; those that return False are waited
        for no more. `due` does what is due, and says in how many seconds to be called again.
        """
        others = list(others)
        while (code := self._ended()) is None:
            seconds = [one for one in (due(), self._until_killed()) if one is not None]
            watched: list[Readable] = [signals, *(one for one, _ in others)]
            ready, _, _ = select.select(watched, [], [], min(seconds, default=None))
            for number in signals.received():
                self._pass_on(number)
            others = [(one, deed) for one, deed in others if one not in ready or deed()]
            if self._killed_at is not None and time.monotonic() >= self._killed_at:
                self.send(signal.SIGKILL)
                self._killed_at = None
        self._take_terminal()
        return code

    def end(self) -> None:
        """Have it end: now, or in ten seconds by force."""
        self._pass_on(signal.SIGTERM)

    @property
    def group(self) -> int:
        """The number of its process group."""
        return self._process.pid

    def send(self, number: int) -> None:
        """Send its whole group a signal."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _until_killed(self) -> float | None:
        return None if self._killed_at is None else max(0.0, self._killed_at - time.monotonic())

    def _pass_on(self, number: int) -> None:
        if number in PASSED_ON:
            self.send(number)
            self.send(signal.SIGCONT)  # who is stopped hears nothing
            if self._killed_at is None:
                self._killed_at = time.monotonic() + _GRACE

    def _ended(self) -> int | None:
        pid, status = os.waitpid(self._process.pid, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return None
        if os.WIFSTOPPED(status):
            self._stop_with_it()
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        code = self._process.returncode
        return code if code >= 0 else SIGNALLED - code

    def _stop_with_it(self) -> None:
        """Ctrl-Z: the shell gets the terminal, and `fg` continues both."""
        if self._terminal is None:
            return
        self._take_terminal()
        os.kill(os.getpid(), signal.SIGSTOP)
        with suppress(OSError):
            os.tcsetpgrp(self._terminal, self._process.pid)
        self.send(signal.SIGCONT)

    def _take_terminal(self) -> None:
        if self._terminal is not None:
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, os.getpgrp())


def started(command: Sequence[str], environ: Mapping[str, str]) -> Child | int:
    """The command, running; or the exit code where it cannot be run, and why is said."""
    try:
        return Child(command, environ)
    except FileNotFoundError:
        note(f"{command[0]}: there is no such command")
        return NOT_FOUND
    except PermissionError as problem:
        note(f"{command[0]}: cannot be run: {problem.strerror}; chmod +x makes a file a command")
        return NOT_EXECUTABLE
    except OSError as problem:
        note(f"{command[0]}: cannot be run: {problem.strerror}")
        return NOT_EXECUTABLE


def _terminal() -> int | None:
    """The terminal whose foreground we are, if there is one."""
    number = sys.stdin.fileno()
    with suppress(OSError):
        if os.isatty(number) and os.tcgetpgrp(number) == os.getpgrp():
            return number
    return None
