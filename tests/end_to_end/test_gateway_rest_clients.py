"""Real clients through a gateway, unmodified, before the simulator."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.clients import Govc
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN
from tests.end_to_end.test_gateway import SERVICE
from tests.end_to_end.test_gateway_rest import before_simulator, house

__all__ = ["house"]

# Each of these starts a server of its own, and a simulator.
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
