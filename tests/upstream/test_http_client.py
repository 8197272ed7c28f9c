"""The client of others' HTTP is loaded where somebody is called; what it does, `test_http` says."""

import subprocess
import sys


def test_a_server_that_calls_nobody_does_not_load_it() -> None:
    """Its libraries take a tenth of a start."""
    lines = (
        "import sys",
        "from sessiongate.testing import Gate",
        "Gate.start().close()",
        "assert 'aiohttp' not in sys.modules",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
