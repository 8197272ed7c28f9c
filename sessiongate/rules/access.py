"""Which role holds which privileges, and who may become whom.

Privilege names are vSphere's where vSphere has one, and ours otherwise. A role that the table
lacks gives nothing. Which method needs which privilege stands in the table of methods.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

SYSTEM_ANONYMOUS = "System.Anonymous"
SYSTEM_VIEW = "System.View"
SYSTEM_READ = "System.Read"
VALIDATE_SESSION = "Sessions.ValidateSession"
TERMINATE_SESSION = "Sessions.TerminateSession"
IMPERSONATE_USER = "Sessions.ImpersonateUser"
GLOBAL_MESSAGE = "Sessions.GlobalMessage"
# vSphere shows every session to whoever may terminate one; a role that only looks needs its own.
LIST_SESSIONS = "Sessiongate.ListSessions"
ADMINISTER = "Sessiongate.Administer"

KNOWN = frozenset(
    {
        SYSTEM_ANONYMOUS,
        SYSTEM_VIEW,
        SYSTEM_READ,
        VALIDATE_SESSION,
        TERMINATE_SESSION,
        IMPERSONATE_USER,
        GLOBAL_MESSAGE,
        LIST_SESSIONS,
        ADMINISTER,
    }
)

ADMINISTRATOR = "administrator"

BUILT_IN: Mapping[str, frozenset[str]] = {
    ADMINISTRATOR: KNOWN,
    "operator": frozenset({SYSTEM_VIEW, SYSTEM_READ, VALIDATE_SESSION, LIST_SESSIONS}),
    "user": frozenset({SYSTEM_VIEW, SYSTEM_READ}),
    "no-access": frozenset(),
}

# `Group.Name`, or with groups inside groups as in `VirtualMachine.Interact.PowerOn`.
_PRIVILEGE = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+")
_ROLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_OURS = "sessiongate."
"""The group, in lower case, in which there are no privileges but ours."""
_LOWERED = {name.lower(): name for name in KNOWN}
_GROUPS = frozenset(name.partition(".")[0] for name in _LOWERED)

# How alike two names are, of 1, for one to be a slip of the other: letters left out or swapped give
# 0.91 and more, half a name 0.84; vSphere's own names of other things stay below 0.7.
_ALIKE = 0.8


class Roles:
    """The built-in roles and those of the settings (`[roles.NAME] privileges = [...]`).

    Takes custom roles as they are: ask `problems_with` first. A built-in cannot be redefined.
    """

    def __init__(self, custom: Mapping[str, Iterable[str]] | None = None) -> None:
        own = {name: frozenset(privileges) for name, privileges in (custom or {}).items()}
        everything = KNOWN.union(*own.values())
        self._table = {**own, **BUILT_IN, ADMINISTRATOR: everything}

    @property
    def table(self) -> Mapping[str, frozenset[str]]:
        """Each role with its privileges, built-ins first."""
        return {name: self._table[name] for name in self.names()}

    @property
    def privileges(self) -> frozenset[str]:
        """Every privilege that some role has or that we know."""
        return self._table[ADMINISTRATOR]

    def names(self) -> tuple[str, ...]:
        """All roles, built-ins first."""
        return (*BUILT_IN, *sorted(self._table.keys() - BUILT_IN.keys()))

    def privileges_of(self, roles: Iterable[str]) -> frozenset[str]:
        """What these roles give together. A role that the table lacks gives nothing."""
        held = [self._table[role] for role in roles if role in self._table]
        # Almost everybody has one role; a union would copy its hundreds of privileges each time.
        return held[0] if len(held) == 1 else frozenset[str]().union(*held)


def no_such_role(name: str, there: Iterable[str]) -> str:
    """Which roles there are, and which of them a name that is none is most like."""
    roles = list(there)
    near = get_close_matches(name, roles, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there are: {', '.join(roles)}{hint}"


def may_become(actor: frozenset[str], target: frozenset[str]) -> bool:
    """Whether impersonation gives nothing new. Does not check the privilege to impersonate."""
    return target <= actor


def problems_with(custom: Mapping[str, Iterable[str]]) -> list[str]:
    """Every fault in the custom roles, each naming the setting and the rule."""
    problems = []
    for name, privileges in custom.items():
        if name in BUILT_IN:
            problems.append(f"roles.{name}: is built in and cannot be redefined")
        elif not _ROLE.fullmatch(name):
            problems.append(
                f"roles.{name!r}: a role's name holds letters, digits, _ and - after a first letter"
            )
        problems += [
            f"roles.{name}.privileges: {problem}"
            for privilege in privileges
            if (problem := _problem_of(privilege))
        ]
    return sorted(problems)


def _problem_of(privilege: str) -> str:
    lowered = privilege.lower()
    if not _PRIVILEGE.fullmatch(privilege):
        return f"{privilege!r} is not of the form Group.Name"
    if privilege not in KNOWN and lowered in _LOWERED:
        return f"{privilege!r} is spelled {_LOWERED[lowered]}"
    if privilege not in KNOWN and lowered.startswith(_OURS):
        ours = ", ".join(sorted(name for name in KNOWN if name.lower().startswith(_OURS)))
        return f"{privilege!r} does not exist; {_suggestion(lowered) or f'there are: {ours}'}"
    return ""


def doubts_about(custom: Mapping[str, Iterable[str]]) -> list[str]:
    """Privileges that are allowed, as those of other products are, and may be slips of ours."""
    return sorted(
        f"roles.{name}.privileges: {privilege!r} has no effect here; {why}"
        for name, privileges in custom.items()
        for privilege in privileges
        if privilege not in KNOWN and (why := _doubt_about(privilege.lower()))
    )


def _doubt_about(lowered: str) -> str:
    group = lowered.partition(".")[0]
    near = _suggestion(lowered)
    if near or group not in _GROUPS:
        return near
    there = ", ".join(name for low, name in sorted(_LOWERED.items()) if low.startswith(f"{group}."))
    return f"of this group these have one: {there}"


def _suggestion(lowered: str) -> str:
    near = get_close_matches(lowered, _LOWERED, 1, _ALIKE)
    return f"did you mean {_LOWERED[near[0]]}?" if near else ""
