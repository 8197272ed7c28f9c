"""A wall clock that steps, for one process: libfaketime under it, told by a file.

Only the wall clock is moved. The boot and monotonic clocks go on, as they do when a machine's
clock is set.
"""

import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path


def missing() -> str:
    """Why there is none here, "" where there is one."""
    return "" if shutil.which("faketime") else "no faketime on this machine"


class WallClock:
    """The wall clock of whoever is started with `environ`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(timedelta(0))

    @property
    def environ(self) -> Mapping[str, str]:
        """Environment variables that put a process under this clock."""
        # The command knows where its library is; the library itself is told otherwise.
        asked = ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"]
        library = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, away: timedelta) -> None:
        """Set it to so far from the true time, at once."""
        # In one piece, since the file is read at every look at the clock.
        new = self._file.with_suffix(".new")
        new.write_text(f"{away.total_seconds():+.0f}\n", encoding="ascii")
        new.replace(self._file)
