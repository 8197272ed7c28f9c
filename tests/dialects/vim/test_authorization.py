"""Roles, privileges, and what one may do oneself."""

from typing import Any

import pytest

from sessiongate.errors import InvalidArgument, NotFound, UnknownObject
from sessiongate.wire.vim.methods import OBJECTS, ROOT_FOLDER, SESSION_MANAGER
from sessiongate.wire.vim.types import Data, MoRef
from tests.gate import Gate

MANAGER = OBJECTS["AuthorizationManager"]


async def test_our_roles_are_listed_as_vspheres(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    roles: Any = await gate.read(bob, "roleList", MANAGER)
    assert [role.members["name"] for role in roles] == [
        *("administrator", "operator", "user", "no-access"),
        "greeter",
    ]
    listed: Any = await gate.read(bob, "privilegeList", MANAGER)
    names = [one.members["privId"] for one in listed]
    assert "Sessions.GlobalMessage" in names
    assert roles[0].members["privilege"] == names  # the administrator has them all
    told = await gate.read(bob, "description", MANAGER)
    assert isinstance(told, Data)


async def test_permissions_are_the_callers_own(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    for name in ("RetrieveAllPermissions", "RetrieveEntityPermissions"):
        found: Any = (await gate.call(bob, name)).value
        [one] = found
        assert one.members["principal"] == "bob"
        assert one.members["entity"] == ROOT_FOLDER
    role = one.members["roleId"]
    assert (await gate.call(bob, "RetrieveRolePermissions", role_id=role)).value == [one]
    assert (await gate.call(bob, "RetrieveRolePermissions", role_id=-1)).value == []
    with pytest.raises(NotFound):
        await gate.call(bob, "RetrieveRolePermissions", role_id=77)


async def test_a_session_asks_for_its_own_privileges(gate: Gate) -> None:
    bob, ada = (await gate.login("bob")).session, (await gate.login("ada")).session
    asked: dict[str, Any] = {"session_id": bob.key, "priv_id": ["System.View", "Host.Burn"]}
    held = await gate.call(bob, "HasPrivilegeOnEntity", entity=SESSION_MANAGER, **asked)
    assert held.value == [True, False]
    both = await gate.call(bob, "HasPrivilegeOnEntities", entity=[ROOT_FOLDER], **asked)
    by_name = await gate.call(
        bob,
        "HasUserPrivilegeOnEntities",
        entities=[ROOT_FOLDER],
        user_name="bob",
        priv_id=asked["priv_id"],
    )
    assert both.value == by_name.value
    fetched = await gate.call(
        bob, "FetchUserPrivilegeOnEntities", entities=[ROOT_FOLDER], user_name="bob"
    )
    assert fetched.value == [
        Data(
            "UserPrivilegeResult",
            {"entity": ROOT_FOLDER, "privileges": ["System.Read", "System.View"]},
        )
    ]
    gone = MoRef("Folder", "group-d9")
    with pytest.raises(UnknownObject):
        await gate.call(bob, "HasPrivilegeOnEntity", entity=gone, **asked)
    # Of others nothing is told.
    with pytest.raises(InvalidArgument):
        await gate.call(ada, "HasPrivilegeOnEntity", entity=ROOT_FOLDER, **asked)
    with pytest.raises(InvalidArgument):
        await gate.call(
            ada, "FetchUserPrivilegeOnEntities", entities=[ROOT_FOLDER], user_name="bob"
        )


async def test_an_answer_has_bounds(gate: Gate) -> None:
    bob = (await gate.login("bob")).session
    for entities, names in (([ROOT_FOLDER] * 40, ["x.Y"] * 40), ([ROOT_FOLDER], ["x.Y"] * 1001)):
        with pytest.raises(InvalidArgument, match="more than"):
            await gate.call(
                bob,
                "HasPrivilegeOnEntities",
                entity=entities,
                session_id=bob.key,
                priv_id=names,
            )
