"""Real clients that know the API by our description alone, and the one of storage policies."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import EMBEDDED, MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_gateway import arrived, shared_gate, upstream
from tests.peers.setup import others_interpreter, program

__all__ = ["upstream"]

pytestmark = pytest.mark.peer

STORY = Path(__file__).resolve().parents[1] / "peers" / "wsdl_story.py"

LIFE: dict[str, Any] = {
    "api": "VirtualCenter",
    "wrong password": "InvalidLogin",
    "user": "admin",
    "logged in now": True,
    "current session": ["admin"],
    "time": True,
    "after logout": [],
    "time after logout": "NotAuthenticated",
}
OSLO: dict[str, Any] = {
    "wrong password": ["InvalidLogin"],
    "api": "VirtualCenter",
    "active": True,
    "time": True,
}
TOLD = {"zeep": LIFE, "suds": LIFE, "oslo": OSLO}


@pytest.mark.parametrize(
    "toolkit", [pytest.param(name, marks=pytest.mark.interop(name)) for name in TOLD]
)
@EMBEDDED
def test_a_toolkit_builds_its_client_and_lives_a_sessions_life(
    toolkit: str, shared: Server
) -> None:
    python = present(others_interpreter())
    done = run(python, STORY, toolkit, "127.0.0.1", shared.port, shared.ca, *ADMIN)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == TOLD[toolkit]


@pytest.mark.slow
@pytest.mark.parametrize(
    "toolkit", [pytest.param(name, marks=pytest.mark.interop(name)) for name in ("zeep", "suds")]
)
def test_a_toolkit_builds_its_client_from_the_upstream_s_description(
    toolkit: str, upstream: Server, make_server: MakeServer
) -> None:
    python = present(others_interpreter())
    gate = make_server(settings=shared_gate(upstream))
    done = run(python, STORY, toolkit, "127.0.0.1", gate.port, gate.ca, *ADMIN)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == LIFE
    assert arrived(upstream) >= 4  # the description has four parts, and all are the upstream's


@pytest.mark.interop("govmomi-pbm")
@EMBEDDED
def test_govmomi_finds_no_storage_policies(shared: Server) -> None:
    done = run(present(program("pbm")), f"{shared.url}/sdk", *ADMIN, shared.ca)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "stranger": "NotAuthenticated",
        "instance": True,
        "profiles": [0, "ok"],
        "resource types": [{"resourceType": "STORAGE"}],
        "a profile by its name": 'no pbm profile found with name: "gold"',
        "a new profile": "NotSupported",
        "after logout": "NotAuthenticated",
    }
