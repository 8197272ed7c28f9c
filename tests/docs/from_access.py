"""The table of roles and privileges, from `sessiongate.rules.access`."""

from sessiongate.rules.access import BUILT_IN, KNOWN, SYSTEM_VIEW
from sessiongate.wire.vim.methods import SESSION_METHODS, SESSION_PROPERTIES
from tests.docs.tables import code, table

_OURS = {
    "System.Anonymous": "what needs no login",
    "System.Read": "nothing here; roles of a vCenter have it",
    "Sessiongate.ListSessions": "`sessionList`, without the right to end what is listed",
    "Sessiongate.Administer": "counts as an administrator in `sessiongate check`",
}


def roles_table() -> str:
    """Which built-in role holds which privilege, and what the privilege is needed for."""
    names = list(BUILT_IN)
    rows = [
        (
            code(privilege),
            *("yes" if privilege in BUILT_IN[name] else "" for name in names),
            _needed_for(privilege),
        )
        for privilege in sorted(KNOWN)
    ]
    return table(("Privilege", *map(code, names), "Needed for"), rows)


def _needed_for(privilege: str) -> str:
    if privilege in _OURS:
        return _OURS[privilege]
    members = [(one.name, one.privilege) for one in SESSION_METHODS.values()]
    members += [(one.name, one.privilege) for one in SESSION_PROPERTIES.values()]
    if privilege == SYSTEM_VIEW:
        members.append(("everything of the empty inventory", privilege))
    found = [name for name, needs in members if needs == privilege]
    return ", ".join(code(name) if " " not in name else name for name in dict.fromkeys(found))
