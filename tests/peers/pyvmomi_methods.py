"""Prints the methods of vim25 that this release of pyVmomi knows, as JSON.

For each name: the types that have it, and what it returns.
"""

import json
import sys

from pyVmomi import VmomiSupport  # type: ignore[import-not-found]

found: dict[str, dict[str, list[str]]] = {}
for row in VmomiSupport._managedDefMap.values():
    for method in row[5] or []:
        if not str(method[2]).startswith(("vim.", "vmodl.")):
            continue
        entry = found.setdefault(method[1], {"types": [], "returns": []})
        entry["types"].append(row[1])
        entry["returns"].append(str(method[4][-1]))
json.dump(found, sys.stdout)
