"""An account that is a mere number, as in a container: no name, no home, an empty environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sessiongate.cli.output import Exit
from tests.until import PATIENCE

# Each of these starts processes of its own.
pytestmark = pytest.mark.slow

NUMBER = 54321


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """A command with nothing in its environment but where the code is."""
    return subprocess.run(
        [sys.executable, "-m", "sessiongate.cli.main", *args],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        user=NUMBER,
        group=NUMBER,
        extra_groups=[],
        cwd="/",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize("line", ["serve", "check", "users list", "config show", "init"])
def test_without_a_home_a_command_says_what_to_set(line: str) -> None:
    done = run(*line.split())
    if "Permission denied" in done.stderr and "sessiongate" not in done.stderr:
        pytest.skip("who is not root cannot run this Python")
    assert done.returncode == Exit.SETTINGS
    assert done.stderr.startswith("sessiongate: server.data_dir: is required here")
    assert len(done.stderr.splitlines()) == 1
