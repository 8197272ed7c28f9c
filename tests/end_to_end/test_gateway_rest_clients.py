"""Real clients of the Automation API through a gateway, unmodified: by REST and by JSON-RPC."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.clients import Govc, present, run
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Server
from tests.end_to_end.test_automation_clients import SDK, VCF_STORY, by_api
from tests.end_to_end.test_gateway import SERVICE, sessions, shared_gate, upstream
from tests.end_to_end.test_gateway_rest import before_simulator, house
from tests.peers.setup import sdk_interpreter

__all__ = ["house", "upstream"]

# Each of these starts a server of its own, and one that stands behind.
pytestmark = [pytest.mark.peer, pytest.mark.slow]


@pytest.mark.interop("govc-gateway")
def test_govc_by_rest_before_a_simulator_with_sessions_apart(
    house: int, make_server: MakeServer, tmp_path: Path
) -> None:
    gate = make_server(settings=before_simulator(house))
    govc = Govc(gate, tmp_path, ADMIN, json=False)
    assert "VirtualCenter" in govc.said("about")
    govc.said("tags.category.create", "colour")
    tag = govc.said("tags.create", "-c", "colour", "red").strip()
    assert govc.said("tags.category.ls").split() == ["colour"]
    govc.said("tags.attach", "red", "/DC0")
    assert govc.said("tags.attached.ls", "red").split() == ["Datacenter:datacenter-1"]
    info = json.loads(govc.said("tags.info", "-json", "red"))
    assert info[0]["id"] == tag
    library = govc.said("library.create", "books").strip()
    assert govc.said("library.ls").split() == ["/books"]
    found = json.loads(govc.said("library.ls", "-json"))
    assert [one["id"] for one in found] == [library]
    assert SERVICE[1] not in gate.log.text


@pytest.mark.interop("govc-services")
@pytest.mark.parametrize("mode", ["shared", "session"])
def test_govc_by_the_services_beside_sdk(
    house: int, make_server: MakeServer, tmp_path: Path, mode: str
) -> None:
    gate = make_server(settings=before_simulator(house, f'mode = "{mode}"'))
    govc = Govc(gate, tmp_path, ADMIN, json=False)
    policies = govc.said("storage.policy.ls")
    assert "VVol No Requirements Policy" in policies
    govc.said("storage.policy.create", "-category", "colour", "-tag", "red", "gold")
    assert "gold" in govc.said("storage.policy.ls")
    assert govc.said("volume.ls") == ""
    reader = Govc(gate, tmp_path / "reader", USER, json=False)
    (tmp_path / "reader").mkdir()
    assert reader.said("storage.policy.ls") == govc.said("storage.policy.ls")
    assert "Permission to perform" in reader("storage.policy.rm", "gold").stderr
    govc.said("storage.policy.rm", "gold")
    assert govc.said("storage.policy.ls") == policies


ELSEWHERE = {
    # Nobody is told what the upstream has before there is a session.
    "the same without a session": "Unauthenticated",
    # It reads a property of the upstream's ServiceInstance, and says why it may not.
    "destroyed, pyVmomi": "vim.fault.NotAuthenticated",
}


@pytest.mark.interop("vcf-gateway")
def test_the_sdk_tells_a_sessions_whole_life_through_a_gateway(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    python = present(sdk_interpreter())
    done = run(python, VCF_STORY, "127.0.0.1", gate.port, gate.ca, *ADMIN, by_api(gate))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {**SDK, **ELSEWHERE}
    assert sessions(gate) == []
    assert len(sessions(upstream)) == 1
    # What is ours is answered without it.
    assert upstream.log.text.count("session opened") == 1
