"""Real clients as programs: run one of them, and govc as one user of a server."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.serving import Server
from tests.peers.setup import program
from tests.until import PATIENCE


def present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not built: run tests/peers/setup.py")
    return path


def installed(package: str, *programs: str) -> None:
    for name in programs:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: Debian has it in {package}")


def run(
    *command: object,
    env: dict[str, str] | None = None,
    folder: Path | None = None,
    patience: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, in this folder if one is named."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=patience,
        env=env,
        cwd=folder,
        check=False,
    )


class Govc:
    """govc with a home of its own, as one user of a server."""

    def __init__(self, server: Server, home: Path, person: tuple[str, str], *, json: bool) -> None:
        self.program = present(program("govc"))
        self.env = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "GOVC_URL": f"{server.url}/sdk",
            "GOVC_USERNAME": person[0],
            "GOVC_PASSWORD": person[1],
            "GOVC_TLS_CA_CERTS": str(server.ca) if server.url.startswith("https:") else "",
            "GOVC_VI_JSON": "true" if json else "",
        }

    def __call__(self, *command: str) -> subprocess.CompletedProcess[str]:
        return run(self.program, *command, env=self.env)

    def said(self, *command: str) -> str:
        done = self(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listing(self, *flags: str) -> Any:
        """Properties of the SessionManager, as `session.ls` got them."""
        return json.loads(self.said("session.ls", "-json", *flags))

    def current(self) -> dict[str, Any]:
        session = self.listing("-S")["currentSession"]
        assert isinstance(session, dict)
        return session
