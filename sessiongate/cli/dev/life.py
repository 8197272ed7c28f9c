"""What a `dev` serves until: a command's end, a signal, or the end of standard input."""

import os
import select
import signal
from collections.abc import Mapping, Sequence

import structlog

from sessiongate.cli.dev.server import DevServerThread
from sessiongate.cli.dev.watcher import Watcher
from sessiongate.cli.login.child_process import SIGNALLED, Readable, Signals, started
from sessiongate.cli.output import Exit, fail, note

ENDS: frozenset[int] = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGQUIT})
"""What ends a server; a command has the hangup beside these."""
_STDIN = 0

_log = structlog.get_logger("sessiongate")


def has_started(server: DevServerThread, signals: Signals, ends: frozenset[int]) -> int | None:
    """Wait until it has started or failed to: None then. The number of one of `ends`, if first."""
    while True:
        either: list[Readable] = [server, signals]
        ready, _, _ = select.select(either, [], [])
        if told := ends.intersection(signals.received()):
            return min(told)
        if server in ready:
            return None


def until_stopped(server: DevServerThread, signals: Signals, *, stdin: bool) -> None:
    """Wait for a signal to end, and with `stdin` for the end of standard input.

    A hangup asks for settings to be read again, which these are not. Fails where the server has
    ended by itself.
    """
    watched: list[Readable | int] = [server, signals, *([_STDIN] if stdin else [])]
    while True:
        ready, _, _ = select.select(watched, [], [])
        told = signals.received()
        if signal.SIGHUP in told:
            _log.warning("settings not reloaded", why=["a dev server keeps those of its start"])
        if not ENDS.isdisjoint(told) or (_STDIN in ready and _is_over()):
            return
        if server in ready:
            fail(Exit.REFUSED, "the server has ended by itself; the log says why")


def until_it_ends(
    command: Sequence[str],
    environ: Mapping[str, str],
    server: DevServerThread,
    signals: Signals,
    watcher: Watcher,
) -> int:
    """Run a command. Its exit code, 128 and the number where a signal has ended it."""
    child = started(command, environ)
    if isinstance(child, int):
        return child
    watcher.command_runs(child.group)

    def gone() -> bool:
        note("the server has ended by itself while the command runs")
        return False

    return child.wait(signals, [(server, gone)], lambda: None)


def code_of(number: int) -> int:
    """The exit code of what a signal has ended, as shells have it."""
    return SIGNALLED + number


def _is_over() -> bool:
    """Whether standard input has ended. What it says meanwhile is not for us."""
    try:
        return not os.read(_STDIN, 4096)
    except OSError:
        return True
