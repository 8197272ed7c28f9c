"""Which role holds which privileges, and who may become whom.

Privilege names are vSphere's where vSphere has one, and ours otherwise. A role that the table
lacks gives nothing. Which method needs which privilege stands in the table of methods.
"""

import re
from collections.abc import Iterable, Mapping

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


class Roles:
    """The built-in roles and those of the settings (`[roles.NAME] privileges = [...]`).

    Takes custom roles as they are: ask `problems_with` first. A built-in cannot be redefined.
    """

    def __init__(self, custom: Mapping[str, Iterable[str]] | None = None) -> None:
        own = {name: frozenset(privileges) for name, privileges in (custom or {}).items()}
        everything = KNOWN.union(*own.values())
        self._table = {**own, **BUILT_IN, ADMINISTRATOR: everything}

    def names(self) -> tuple[str, ...]:
        """All roles, built-ins first."""
        return (*BUILT_IN, *sorted(self._table.keys() - BUILT_IN.keys()))

    def privileges_of(self, roles: Iterable[str]) -> frozenset[str]:
        """What these roles give together. A role that the table lacks gives nothing."""
        held = [self._table[role] for role in roles if role in self._table]
        # Almost everybody has one role; a union would copy its hundreds of privileges each time.
        return held[0] if len(held) == 1 else frozenset[str]().union(*held)


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
            f"roles.{name}.privileges: {privilege!r} is not of the form Group.Name"
            for privilege in privileges
            if not _PRIVILEGE.fullmatch(privilege)
        ]
    return sorted(problems)
