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
    doubts_about,
    may_become,
    no_such_role,
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


@pytest.mark.parametrize(
    ("privilege", "problem"),
    [
        ("sessions.terminateSession", "is spelled Sessions.TerminateSession"),
        ("SYSTEM.VIEW", "is spelled System.View"),
        (
            "Sessiongate.ListSession",
            "does not exist; did you mean Sessiongate.ListSessions?",
        ),
        (
            "sessiongate.Everything",
            "does not exist; there are: Sessiongate.Administer, Sessiongate.ListSessions",
        ),
    ],
)
def test_a_privilege_that_can_only_be_a_slip_is_refused(privilege: str, problem: str) -> None:
    assert problems_with({"auditor": ["System.View", privilege]}) == [
        f"roles.auditor.privileges: {privilege!r} {problem}"
    ]


@pytest.mark.parametrize(
    ("privilege", "doubt"),
    [
        ("Sessions.TerminateSesion", "did you mean Sessions.TerminateSession?"),
        ("Session.TerminateSession", "did you mean Sessions.TerminateSession?"),
        ("System.Veiw", "did you mean System.View?"),
        ("Sessions.ListSessions", "did you mean Sessiongate.ListSessions?"),
        (
            "System.Write",
            "of this group these have one: System.Anonymous, System.Read, System.View",
        ),
    ],
)
def test_a_privilege_that_may_be_a_slip_is_named_with_what_it_is_like(
    privilege: str, doubt: str
) -> None:
    custom = {"auditor": ["System.View", privilege]}
    assert problems_with(custom) == []
    assert doubts_about(custom) == [
        f"roles.auditor.privileges: {privilege!r} has no effect here; {doubt}"
    ]


@pytest.mark.parametrize(
    "privilege",
    [
        "VirtualMachine.Interact.PowerOn",
        "Host.Config.SystemManagement",
        "Global.CancelTask",
        "Extension.Register",
        "Authorization.ModifyRoles",
        "Trust.Read",
    ],
)
def test_privileges_of_other_products_raise_no_doubt(privilege: str) -> None:
    assert problems_with({"auditor": [privilege]}) == []
    assert doubts_about({"auditor": [privilege]}) == []


def test_our_own_privileges_raise_no_doubt() -> None:
    assert problems_with({"auditor": sorted(KNOWN)}) == []
    assert doubts_about({"auditor": sorted(KNOWN), "empty": []}) == []


def test_a_role_that_is_none_is_told_what_there_is() -> None:
    there = ("operator", "user")
    assert no_such_role("oprator", there) == "there are: operator, user; did you mean operator?"
    assert no_such_role("x", there) == "there are: operator, user"
