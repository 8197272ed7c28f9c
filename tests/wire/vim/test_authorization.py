"""Roles and privileges as vSphere shows such."""

from sessiongate.rules.access import KNOWN, Roles
from sessiongate.wire.vim.authorization import description, privileges, role_id, roles
from sessiongate.wire.vim.types import Data

TABLE = Roles({"auditor": ("System.View",), "backup": ("Sessions.ValidateSession",)}).table


def test_two_roles_have_vspheres_own_ids_and_no_two_the_same() -> None:
    ids = {name: role_id(name) for name in TABLE}
    assert (ids["administrator"], ids["no-access"]) == (-1, -5)
    assert len(set(ids.values())) == len(ids)
    assert all(one < 2**31 for one in ids.values())
    assert role_id("auditor") == ids["auditor"]  # at every start


def test_a_role_says_what_it_allows_and_whether_it_is_built_in() -> None:
    found = {str(role.members["name"]): role.members for role in roles(TABLE)}
    assert found.keys() == TABLE.keys()
    assert found["auditor"]["privilege"] == ["System.View"]
    assert (found["auditor"]["system"], found["user"]["system"]) == (False, True)


def test_a_privilege_has_a_group() -> None:
    listed = {str(one.members["privId"]): one.members for one in privileges(KNOWN)}
    assert listed.keys() == KNOWN
    assert listed["Sessions.TerminateSession"]["privGroupName"] == "Sessions"
    assert listed["Sessions.TerminateSession"]["name"] == "TerminateSession"
    told = description(KNOWN).members
    groups = told["privilegeGroup"]
    assert isinstance(groups, list)
    assert [one.members["key"] for one in groups if isinstance(one, Data)] == [
        "Sessiongate",
        "Sessions",
        "System",
    ]
