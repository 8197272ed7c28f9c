"""Our end of the line to the process that has a session: how the wait for it ends."""

import socket
import subprocess
import sys

import pytest

from sessiongate.cli.login import guardian
from sessiongate.cli.login.guardian import Guardian
from tests.until import PATIENCE


def test_one_that_does_not_say_how_the_logout_went_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As long as it lived it would be waited for, and signals to us are passed on meanwhile."""
    monkeypatch.setattr(guardian, "_PATIENCE", 0.01)
    ours, its = socket.socketpair()
    lives = f"import select; select.select([], [], [], {PATIENCE}); print('it was waited for')"
    silent = [sys.executable, "-c", lives]
    with its, subprocess.Popen(silent, stdout=subprocess.PIPE) as process:
        assert Guardian(ours, process.pid).end() is None
        assert process.stdout is not None
        assert process.stdout.read() == b""
