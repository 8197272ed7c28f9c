"""Standard streams that nobody reads, that are full, or that are closed: no stack, and a code."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.each import each
from tests.end_to_end.serving import environment
from tests.until import PATIENCE

pytestmark = pytest.mark.slow

PRINTS = [
    ("--version",),
    ("config", "schema"),
    ("config", "show"),
    ("sessions", "list", "--output", "json"),
]


def run(
    *args: str,
    stdout: int | None = None,
    before: Callable[[], object] | None = None,
    unbuffered: str = "",
) -> tuple[int, str]:
    """The exit code, and what was said on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "sessiongate.cli.main", *args],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment({"SESSIONGATE_DATA_DIR": "/nonexistent", "PYTHONUNBUFFERED": unbuffered}),
        preexec_fn=before,
    )
    return done.returncode, done.stderr


@each("unbuffered", ["", "1"])
@each("command", PRINTS, ids=" ".join)
def test_a_reader_that_leaves_is_no_problem(command: tuple[str, ...], unbuffered: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    try:
        assert run(*command, stdout=writes, unbuffered=unbuffered) == (141, "")
    finally:
        os.close(writes)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@each("unbuffered", ["", "1"])
@each("command", PRINTS, ids=" ".join)
def test_output_that_cannot_be_written_is_a_problem(
    command: tuple[str, ...], unbuffered: str
) -> None:
    with closing(os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb")) as full:
        said = run(*command, stdout=full.fileno(), unbuffered=unbuffered)
    assert said == (1, "sessiongate: standard output: No space left on device\n")


def _close(number: int) -> Callable[[], None]:
    return lambda: os.close(number)


def test_streams_that_are_closed_take_nothing_and_hold_nothing() -> None:
    for command in (("config", "show"), ("--version",)):
        assert run(*command, before=_close(1)) == (0, "")
    asked = ("users", "add", "vera", "--role", "user", "--data-dir", "/nonexistent")
    code, said = run(*asked, before=_close(0))
    assert (code, "Traceback" in said, "sessiongate init" in said) == (1, False, True)
