"""What a command has in memory stays there."""

import ctypes
import resource
import subprocess
import sys

import pytest

from sessiongate.cli.login.no_dumps import keep_secrets_in

_PR_GET_DUMPABLE = 3
"""Of prctl(2)."""

SAYS = f"import {__name__}; {__name__}.kept_in()"


def kept_in() -> None:
    """Of a process that could write an image of itself: what it says of that afterwards."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    before = resource.getrlimit(resource.RLIMIT_CORE)[0]
    keep_secrets_in()
    after = resource.getrlimit(resource.RLIMIT_CORE)[0]
    dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    sys.stdout.write(f"{before != 0} {after} {dumpable}")


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux'")
def test_sec_68_no_image_is_written_and_nobody_may_attach() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS], capture_output=True, text=True, timeout=60, check=True
    )
    could, left, dumpable = done.stdout.split()
    if could != "True":
        pytest.skip("no process here may write an image")
    assert (left, dumpable) == ("0", "0")
