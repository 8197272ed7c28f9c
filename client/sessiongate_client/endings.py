"""The end of a program: sessions that are still open are logged out then.

Sessions register themselves while they are open. At exit each is logged out by the process that
opened it, and by no child of that.
"""

from __future__ import annotations

import atexit
import threading
from types import FrameType
from typing import Optional, Protocol


class Open(Protocol):
    """What is registered."""

    def logout(self) -> bool:
        """End it; never raise."""
        ...


_lock = threading.RLock()
_open: dict[int, Open] = {}
_deferred: list[int] = []
_busy = 0

_SIGTERM = 15
_SIGNALLED = 128
"""What shells add to a signal's number for an exit code."""


def remember(session: Open) -> None:
    """Have this session logged out at the end of the program."""
    with _lock:
        _open[id(session)] = session


def forget(session: Open) -> None:
    """It is no longer open."""
    with _lock:
        _open.pop(id(session), None)


@atexit.register
def end_all() -> None:
    """Log out of all that are open."""
    with _lock:
        left = list(_open.values())
    for session in left:
        session.logout()


def on_sigterm() -> None:
    """Have SIGTERM end the program as `sys.exit(143)` does: by way of `with` and of `end_all`.

    Raises ValueError outside of the main thread, where Python lets nobody do so.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("logout_on_sigterm: only the main thread may ask for it")
    import signal  # costs as much as the rest of this module

    signal.signal(signal.SIGTERM, _end)


class logging_in:  # noqa: N801 - used as a function: with logging_in():
    """SIGTERM waits while the main thread logs in: what is being opened would be lost otherwise."""

    def __enter__(self) -> None:
        """Begin."""
        global _busy
        self._main = threading.current_thread() is threading.main_thread()
        _busy += self._main

    def __exit__(self, *_: object) -> None:
        """End, and be ended where that was asked for meanwhile."""
        global _busy
        _busy -= self._main
        if self._main and not _busy and _deferred:
            del _deferred[:]
            raise SystemExit(_SIGNALLED + _SIGTERM)


def _end(number: int, _frame: Optional[FrameType]) -> None:
    if _busy:
        _deferred.append(number)
        return
    raise SystemExit(_SIGNALLED + number)
