"""Whoever ends a command whose `dev` was killed, before it had said that the command runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from sessiongate.cli.dev.watcher import group_beside


@pytest.mark.skipif(sys.platform != "linux", reason="others do not show whose environment it is")
def test_a_command_of_which_nothing_was_told_is_found_by_its_environment(tmp_path: Path) -> None:
    own = {"PATH": "/usr/bin:/bin", "SESSIONGATE_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(["sleep", "600"], env=own, process_group=0) as command:
        try:
            assert group_beside(tmp_path) == command.pid
            assert group_beside(tmp_path / "another") is None
        finally:
            command.kill()
