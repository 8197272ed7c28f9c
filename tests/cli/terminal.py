"""A terminal of a given width, for what a command prints in this process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import pytest


class Terminal(io.StringIO):
    """Takes what is printed, and says that it is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@contextmanager
def terminal(patched: pytest.MonkeyPatch, width: int, **environ: str) -> Iterator[Terminal]:
    """Standard output is a terminal of so many columns."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        patched.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": str(width), **environ}.items():
        patched.setenv(name, value)
    with redirect_stdout(Terminal()) as screen:
        yield screen
