"""Ctrl-C while modules are imported, which takes most of a short command's time."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Have Ctrl-C end the process here, without a word, instead of raising KeyboardInterrupt.

    For imports: raised amid a module it shows a stack, or is taken for an error of that module.
    Where the signal is ignored or somebody else's, it stays so.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
