"""docs/write-a-provider.md is followed to its end in an environment of its own: to a login.

The wheel is built here. What it needs is lent by the environment of these tests, as if pip had
installed it: that pip finds it is what `.ci/wheel` shows. The rest comes from where pip gets
packages on this machine.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.test_write_a_provider import KNOWN, block
from tests.house.sources import ROOT

FILES = {
    "my_package.py": "provider",
    "pyproject.toml": "pyproject",
    "sessiongate.toml": "settings",
    "test_my_package.py": "contract",
    "make_people.py": "people",
}
"""What the page has its reader write, each from the block of this mark."""

PATIENCE = 300.0

OFFLINE = re.compile(r"No matching distribution|Could not find a version|ConnectionError|NewConn")

ENVIRON = {
    name: value
    for name, value in os.environ.items()
    if name in ("PATH", "HOME", "LANG", "TMPDIR") or name.startswith("PIP_")
} | {
    "SESSIONGATE_SERVER__LISTEN": "127.0.0.1:0",
    "SESSIONGATE_ADMIN__LISTEN": "off",
    "PIP_NO_COMPILE": "1",  # what is installed is used once
    # First the Python whose packages are lent.
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}
"""Ports that are free, whoever has those of the page."""

OWN = ("sessiongate", "pytest", "_pytest", "pip", "setuptools", "_distutils", "hypo", "schema")
"""Not lent, by the beginning of their names: what is installed there, and plugins of pytest."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of these sources."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "-w", str(folder), str(ROOT)], check=True, timeout=PATIENCE)
    (built,) = folder.glob("*.whl")
    return built


def lend(environment: Path, folder: Path) -> None:
    """Let an environment that has no pip have ours, and the packages of ours but for its own."""
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.suffix != ".pth" and not path.name.startswith(OWN):
            (folder / path.name).symlink_to(path)
    (site,) = environment.glob("lib/python3.*/site-packages")
    (site / "lent.pth").write_text(f"{folder}\n")
    # An environment's own pip takes longer to unpack than all that it installs here.
    for path in Path(sysconfig.get_path("purelib")).glob("pip*"):
        (site / path.name).symlink_to(path)
    program = environment / "bin" / "pip"
    program.write_text(f'#!/bin/sh\nexec {environment}/bin/python -m pip "$@"\n')
    program.chmod(0o755)


def follow(line: str, folder: Path) -> str:
    """Run a line of the page there, and say what it said. It must succeed."""
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
        env=ENVIRON,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode and "pip install" in line and OFFLINE.search(said):
        pytest.skip("pip finds no packages: no network, and no registry")
    assert done.returncode == 0, said
    return said


@contextmanager
def serving(line: str, folder: Path) -> Iterator[str]:
    """Run the page's server, by plain HTTP. Yields its address."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"exec {line} --plain-http"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=ENVIRON,
    )
    try:
        assert process.stdout is not None
        found = (re.search(r"Listening on (http://[\d.:]+)", one) for one in process.stdout)
        yield next(one[1] for one in found if one is not None)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def login(address: str, name: str, password: str) -> str:
    credential = b64encode(f"{name}:{password}".encode()).decode()
    asked = urllib.request.Request(
        f"{address}/api/session", method="POST", headers={"Authorization": f"Basic {credential}"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE) as reply:
        return str(json.loads(reply.read()))


@pytest.mark.slow
def test_whoever_follows_the_page_to_its_end_logs_in(
    wheel: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for file, mark in FILES.items():
        (tmp_path / file).write_text(block(mark), encoding="utf-8")
    *lines, serve = block("commands").splitlines()
    assert serve.startswith(".venv/bin/sessiongate serve ")
    said = ""
    for line in lines:
        # The reader's comes from a registry, and this one from these sources.
        line = line.replace("install sessiongate ", f"install {wheel} ")
        said += follow(line.replace(" -m venv ", " -m venv --without-pip "), tmp_path)
        if " -m venv " in line:
            lend(tmp_path / ".venv", tmp_path_factory.mktemp("lent"))
    assert re.search(r"\b[1-9]\d* passed\b", said), said
    with serving(serve, tmp_path) as address:
        assert len(login(address, *KNOWN)) == 40
        with pytest.raises(urllib.error.HTTPError, match="401"):
            login(address, KNOWN[0], "wrong")
