"""What `make run` says while it sets up, with a stand-in for Python: nothing is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import ROOT

STAND_IN = """#!/bin/sh
# Makes itself the python of a new environment, and says so when it is asked to install.
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/bin/activate" ;;
  *install*) echo "pip runs" ;;
esac
"""


@pytest.mark.parametrize("target", ["run", "check"])
def test_it_says_what_it_installs_before_it_does(target: str, tmp_path: Path) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make on this machine")
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    venv = tmp_path / "venv"
    asked = [make, "-s", f"VENV={venv}", f"PYTHON={python}", f"DATA_DIR={tmp_path / 'var'}"]
    asked += ["UV=", target]  # as on a machine that nobody has prepared
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.splitlines()
    assert "pip runs" in lines, done
    first = lines[0]
    assert first.startswith("Installing ")
    assert str(venv) in first
    assert "minute, once" in first
    assert lines.index("pip runs") == 1
