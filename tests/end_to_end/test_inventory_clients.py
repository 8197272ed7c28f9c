"""Tools for a vCenter's inventory, unmodified, over verified TLS: they find an empty one."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server
from tests.peers.setup import node_soap, tools_interpreter

pytestmark = [pytest.mark.peer, EMBEDDED]

PEERS = Path(__file__).resolve().parents[1] / "peers"


def empty(*names: str) -> dict[str, Any]:
    return {name: [] for name in names}


FOUND: dict[str, dict[str, Any]] = {
    "libcloud": {
        "wrong password": "InvalidCredsError",
        **empty("list_nodes", "list_nodes_recursive", "list_locations", "list_images"),
        **empty("list_sizes", "ex_list_networks", "ex_list_folders", "ex_list_datastores"),
        "version": True,
    },
    "libcloud-rest": {
        "wrong password": "BaseHTTPError",
        **empty("list_nodes", "async_list_nodes", "list_locations", "list_sizes"),
        **empty("ex_list_hosts", "ex_list_clusters", "ex_list_datacenters", "ex_list_datastores"),
        **empty("ex_list_networks", "ex_list_folders", "ex_list_content_libraries"),
        "after logout": [],
        "a new session": True,
    },
    "vconnector": {
        "wrong password": "InvalidLogin",
        **empty("Datacenter", "ClusterComputeResource", "HostSystem", "VirtualMachine"),
        **empty("Datastore", "ResourcePool", "DistributedVirtualSwitch"),
        "by name": None,
        "list view": [{"name": "Datacenters"}],
        "counters": 0,
        "intervals": 0,
        "reconnected as": "admin",
    },
}


@pytest.mark.parametrize(
    "tool", [pytest.param(name, marks=pytest.mark.interop(name)) for name in FOUND]
)
def test_a_tool_finds_nothing_and_no_error(tool: str, shared: Server) -> None:
    python = present(tools_interpreter())
    story = PEERS / "inventory_story.py"
    done = run(python, story, tool, "127.0.0.1", shared.port, shared.ca, *ADMIN)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == FOUND[tool]


# What each check says at its beginning, and the state that it reports.
CHECKS = {
    ("about",): (0, "OK: VMware vCenter Server"),
    ("list-metrics",): (0, ""),
    ("power-state",): (0, "OK: 0 hosts"),
    ("media",): (0, "OK: no connected"),
    ("vm-tools",): (0, "OK: 0 VMs checked"),
    ("host-runtime", "--mode", "health", "--vihost", "none"): (3, "UNKNOWN: host none not found"),
    ("zerto-tag",): (2, "CRITICAL: Zerto - Protection Automation category not found"),
}


@pytest.mark.interop("checkvsphere")
def test_a_monitor_checks_nothing_and_meets_no_error(shared: Server, tmp_path: Path) -> None:
    program = present(tools_interpreter()).with_name("check_vsphere")
    trust = {"SSL_CA_FILE": str(shared.ca), "REQUESTS_CA_BUNDLE": str(shared.ca)}

    def check(*command: str, password: str = ADMIN[1]) -> tuple[int, str]:
        where = ("-s", "127.0.0.1", "-o", shared.port, "-u", ADMIN[0], "-p", password)
        done = run(program, *command, *where, env={"PATH": os.environ["PATH"], **trust})
        return done.returncode, done.stdout

    for command, (state, said) in CHECKS.items():
        code, text = check(*command)
        assert (code, text[: len(said)]) == (state, said), (command, text)
    kept = tmp_path / "session"
    for _ in range(2):
        assert check("about", "--sessionfile", str(kept))[0] == 0
    code, text = check("about", password="wrong")
    assert (code, text.startswith("ERROR: Cannot complete login")) == (2, True), text


@pytest.mark.parametrize(
    "toolkit",
    [
        pytest.param(one, marks=pytest.mark.interop(one))
        for one in ("node-soap", "node-vsphere-soap")
    ],
)
def test_a_node_toolkit_lives_a_sessions_life(toolkit: str, shared: Server) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    modules = present(node_soap())
    environment = {"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(shared.ca)}
    story = (PEERS / "soap_story.mjs", toolkit, modules, f"127.0.0.1:{shared.port}")
    done = run(node, *story, *ADMIN, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "wrong password": "InvalidLogin",
        "api": "VirtualCenter",
        "user": "admin",
        "time": True,
        "virtual machines": None,
        "unknown property": "InvalidProperty",
        "logged out": None,
    }
