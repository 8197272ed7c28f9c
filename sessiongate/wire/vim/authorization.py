"""Our roles and privileges as vSphere shows such.

vSphere's own roles have fixed negative ids: -1 is the administrator and -5 the role without any
privilege, as two of ours are. The others get ids by their names, the same at every start.
"""

from collections.abc import Iterable, Mapping, Set
from zlib import crc32

from sessiongate.rules.access import ADMINISTRATOR, BUILT_IN
from sessiongate.wire.vim.types import Data

_FIXED: Mapping[str, int] = {ADMINISTRATOR: -1, "no-access": -5, "user": 1, "operator": 2}

# Above those, and within an xsd:int.
_FIRST = 1000
_SPAN = 2**31 - 1 - _FIRST


def role_id(name: str) -> int:
    """The id of a role. Those of two roles of the settings may be the same, one in 2**31 times."""
    return _FIXED.get(name) or _FIRST + crc32(name.encode()) % _SPAN


def roles(table: Mapping[str, Iterable[str]]) -> list[Data]:
    """Every role with its privileges, as AuthorizationRole."""
    return [
        Data(
            "AuthorizationRole",
            {
                "roleId": role_id(name),
                "system": name in BUILT_IN,
                "name": name,
                "info": Data("Description", {"label": name, "summary": name}),
                "privilege": sorted(privileges),
            },
        )
        for name, privileges in table.items()
    ]


def privileges(names: Set[str]) -> list[Data]:
    """Every privilege, as AuthorizationPrivilege."""
    return [
        Data(
            "AuthorizationPrivilege",
            {
                "privId": name,
                "onParent": False,
                "name": name.rpartition(".")[2],
                "privGroupName": name.rpartition(".")[0],
            },
        )
        for name in sorted(names)
    ]


def description(names: Set[str]) -> Data:
    """What privileges and their groups are called: by their own names."""
    groups = {name.rpartition(".")[0] for name in names}
    return Data(
        "AuthorizationDescription",
        {"privilege": _described(names), "privilegeGroup": _described(groups)},
    )


def _described(names: Set[str]) -> list[Data]:
    return [
        Data(
            "ElementDescription",
            {"label": name.rpartition(".")[2], "summary": name, "key": name},
        )
        for name in sorted(names)
    ]
