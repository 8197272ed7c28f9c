"""`wheel_smoke.py COMMAND WHEEL`: an installed client logs in to a server and out again.

COMMAND is a `sessiongate` of another environment. Run by the interpreter of the environment that
the wheel of the client is installed in, and nothing else.
"""

import importlib.util
import re
import secrets
import subprocess
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import sessiongate_client
from sessiongate_client import Session, VsphereSession, ZertoSession

DEADLINE = 30.0
MOST = 60_000
"""Bytes of the wheel."""


def main(command: str, wheel: str) -> int:
    """0 for success."""
    size = Path(wheel).stat().st_size
    assert size <= MOST, size
    assert {one.name for one in distributions()} == {"sessiongate-client"}
    assert version("sessiongate-client") == sessiongate_client.__version__
    assert importlib.util.find_spec("sessiongate_client.requests") is not None
    password = secrets.token_urlsafe(16)
    server = subprocess.Popen(
        [command, "dev", "--plain-http", "--listen", "127.0.0.1:0", "--user", f"smoke:{password}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        found = (re.search(r"Listening on (http://[\d.:]+)", line) for line in server.stdout)
        address = next(one[1] for one in found if one)
        for dialect in (None, "vi-json", "soap"):
            once(VsphereSession(address, "smoke", password, dialect=dialect))
        once(ZertoSession(address, "smoke", password))
    finally:
        server.terminate()
        assert server.wait(DEADLINE) == 0
    sys.stdout.write(f"the client's wheel, {size} bytes: login, use, logout: ok\n")
    return 0


def once(session: Session) -> None:
    """Log in, look, log out."""
    with session:
        assert session.token
        assert session.keep_alive()
    assert session.logout()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
