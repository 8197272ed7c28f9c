"""Prints the methods of this pyVmomi to which a password or an address is given, as JSON.

For each name the paths in its parameters, some levels deep, at which one stands.
"""

import json
import re
import sys

from pyVmomi import VmomiSupport  # type: ignore[import-not-found]

# Also those whose kinds have the password: with a locator the vCenter goes to another one.
SECRET_TYPES = {
    "vim.ServiceLocator",
    "vim.encryption.KmipServerInfo",
    "vim.vm.guest.GuestAuthentication",
}
DEEP = 4


def secrets_in(name: str, kind: str, deep: int = DEEP) -> list[str]:
    """The paths at which a password stands in a value of this name and kind."""
    kind = kind.removesuffix("[]")
    if kind in SECRET_TYPES or re.search("password", name, re.IGNORECASE):
        return [name]
    row = VmomiSupport._dataDefMap.get(kind)
    if row is None or not deep:
        return []
    inner = []
    while row is not None:  # it has the members of what it is a kind of, too
        for member in row[4] or []:
            inner += secrets_in(member[0], member[1], deep - 1)
        row = VmomiSupport._dataDefMap.get(row[2])
    return [f"{name}.{one}" for one in inner]


found: dict[str, list[str]] = {}
for row in VmomiSupport._managedDefMap.values():
    for method in row[5] or []:
        paths = [one for given in method[3] for one in secrets_in(given[0], given[1])]
        if paths:
            found.setdefault(method[1], []).extend(paths)
json.dump(found, sys.stdout)
