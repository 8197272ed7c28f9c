"""How log lines look where they go to a file."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from sessiongate.logs import LogFormat, configure_logs
configure_logs(LogFormat({form!r}))
structlog.get_logger("x").info("session opened", user="alice")
"""


def logged(form: str) -> str:
    """What a program with this form of log writes to a standard error that is no terminal."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(form=form)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("form", ["auto", "json"])
def test_a_file_gets_json(form: str) -> None:
    (line,) = logged(form).splitlines()
    said = json.loads(line)
    assert (said["event"], said["user"], said["level"]) == ("session opened", "alice", "info")


def test_text_in_a_file_is_plain() -> None:
    (line,) = logged("text").splitlines()
    assert "session opened" in line
    assert "user=alice" in line
    assert "\x1b" not in line
