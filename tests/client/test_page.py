"""The Python of the client's page, run as it stands against a real server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import page
from tests.end_to_end.clients import present
from tests.end_to_end.serving import ADMIN, Server, environment, with_people
from tests.house.sources import ROOT
from tests.peers.setup import PYVMOMI, interpreter
from tests.until import PATIENCE

BLOCKS = re.findall(r"^```python\n(.*?)^```", page("client.md").read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with with_people(tmp_path_factory.mktemp("page") / "data") as running:
        yield running


def python_for(block: str) -> Path:
    """The interpreter that has what a block imports."""
    if "pyvmomi" in block:
        return present(interpreter(PYVMOMI[0]))
    if "httpx" in block and find_spec("httpx") is None:
        pytest.skip("httpx is not installed")
    return Path(sys.executable)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_it_runs_and_leaves_no_session(server: Server, number: int) -> None:
    block = BLOCKS[number].replace("https://127.0.0.1:9669", server.url)
    done = subprocess.run(
        [python_for(block), "-W", "ignore", "-c", block.replace("var/tls/ca.pem", str(server.ca))],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(
            {
                "SG_USER": ADMIN[0],
                "SG_PASSWORD": ADMIN[1],
                "PYTHONPATH": str(ROOT / "client"),
            }
        ),
    )
    assert done.returncode == 0, done.stderr
    if "print" in block:
        assert done.stdout.strip()
    if "history" in block:
        assert done.stdout == "200 after [401]\n"
    assert server.run("sessions", "list", "--output", "json").json() == []


def test_there_are_some() -> None:
    assert len(BLOCKS) == 5
