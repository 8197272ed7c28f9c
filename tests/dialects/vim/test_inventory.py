"""The root folder, and looking for things."""

from typing import Any

import pytest

from sessiongate.wire.vim.methods import METHODS, OBJECTS, ROOT_FOLDER
from tests.gate import Gate


async def test_the_root_folder_is_empty_and_green(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    expected: dict[str, Any] = {
        "name": "Datacenters",
        "childEntity": [],
        "childType": ["Folder", "Datacenter"],
        "parent": None,
        "overallStatus": "green",
        "configStatus": "green",
        "effectiveRole": [1],
        "alarmActionsEnabled": True,
        "recentTask": [],
    }
    for name, value in expected.items():
        assert await gate.read(bob, name, ROOT_FOLDER) == value, name
    permissions: Any = await gate.read(bob, "permission", ROOT_FOLDER)
    [permission] = permissions
    assert permission.members["roleId"] == 1


@pytest.mark.parametrize("path", ["", "/", "//"])
async def test_no_path_is_the_root_folder(gate: Gate, path: str) -> None:
    bob = (await gate.login("bob")).session
    found = await gate.call(bob, "FindByInventoryPath", inventory_path=path)
    assert found.value == ROOT_FOLDER


async def test_nothing_else_is_found(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    found = await gate.call(bob, "FindByInventoryPath", inventory_path="/DC0/vm/x")
    assert found.value is None
    for kind, name in METHODS:
        if kind == "SearchIndex" and name != "FindByInventoryPath":
            value = (await gate.call(bob, name, on=OBJECTS[kind])).value
            assert value == ([] if name.startswith("FindAll") else None), name
