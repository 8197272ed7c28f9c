"""Roles, privileges, and who may become whom."""

import pytest

from sessiongate.rules.access import (
    BUILT_IN,
    KNOWN,
    LIST_SESSIONS,
    SYSTEM_READ,
    SYSTEM_VIEW,
    VALIDATE_SESSION,
    Roles,
    may_become,
    problems_with,
)

CUSTOM = {"auditor": ["System.View", "Alarm.Acknowledge"]}


@pytest.mark.parametrize(
    ("role", "privileges"),
    [
        ("administrator", KNOWN),
        ("operator", {SYSTEM_VIEW, SYSTEM_READ, VALIDATE_SESSION, LIST_SESSIONS}),
        ("user", {SYSTEM_VIEW, SYSTEM_READ}),
        ("no-access", set()),
        ("nobody-knows", set()),
        ("Administrator", set()),
    ],
)
def test_a_role_gives_what_the_table_says(role: str, privileges: set[str]) -> None:
    assert Roles().privileges_of([role]) == privileges


def test_roles_add_up() -> None:
    roles = Roles(CUSTOM)
    assert roles.privileges_of(["user", "auditor"]) == {
        SYSTEM_VIEW,
        SYSTEM_READ,
        "Alarm.Acknowledge",
    }
    assert roles.privileges_of([]) == frozenset()


def test_an_administrator_has_what_any_role_has() -> None:
    assert "Alarm.Acknowledge" in Roles(CUSTOM).privileges_of(["administrator"])


def test_built_ins_come_first_and_cannot_be_redefined() -> None:
    roles = Roles({"zed": [], "auditor": [], "user": ["Sessions.TerminateSession"]})
    assert roles.names() == (*BUILT_IN, "auditor", "zed")
    assert roles.privileges_of(["user"]) == {SYSTEM_VIEW, SYSTEM_READ}


@pytest.mark.parametrize(
    ("actor", "target", "may"),
    [
        ("administrator", "user", True),
        ("administrator", "administrator", True),
        ("operator", "user", True),
        ("user", "operator", False),
        ("operator", "administrator", False),
        ("no-access", "user", False),
        ("user", "no-access", True),
        ("user", "auditor", False),
        ("administrator", "auditor", True),
    ],
)
def test_sec_17_nobody_becomes_more_than_they_are(actor: str, target: str, may: bool) -> None:
    roles = Roles(CUSTOM)
    assert may_become(roles.privileges_of([actor]), roles.privileges_of([target])) is may


def test_all_problems_come_at_once() -> None:
    assert problems_with({"auditor": ["System.View", "Folder.Sub.Name"]}) == []
    assert problems_with(
        {"user": [], "no spaces": ["System.View"], "x": ["System", "a b.c", "System."]}
    ) == [
        "roles.'no spaces': a role's name holds letters, digits, _ and - after a first letter",
        "roles.user: is built in and cannot be redefined",
        "roles.x.privileges: 'System' is not of the form Group.Name",
        "roles.x.privileges: 'System.' is not of the form Group.Name",
        "roles.x.privileges: 'a b.c' is not of the form Group.Name",
    ]
