"""Plugin name to class: ours by table, others by entry point, each imported only when chosen.

Parts of ours that need packages of an extra are imported when chosen too: `part`.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

from sessiongate.errors import ConfigError

IDENTITY: Mapping[str, str] = {
    "file": "sessiongate.identity.local.settings:file",
    "ldap": "sessiongate.identity.ldap.provider:plugin",
    "vcenter": "sessiongate.identity.vcenter.settings:vcenter",
    "zvm": "sessiongate.identity.zvm.settings:zvm",
}
"""Identity providers by their `type`: functions from settings to a provider."""

IDENTITY_GROUP = "sessiongate.identity"

STORES: Mapping[str, str] = {
    "memory": "sessiongate.store.embedded.kinds:MEMORY",
    "sqlite": "sessiongate.store.embedded.kinds:SQLITE",
    "redis": "sessiongate.store.redis.kind:REDIS",
}
"""Stores by the kind that `store.url` names: each a `sessiongate.store.plugin.StoreKind`."""

STORE_GROUP = "sessiongate.store"

_EXTRAS: Mapping[str, str] = {"sessiongate.store.redis.kind": "redis"}
"""The modules of the tables above that need packages of an extra."""


def names(group: str) -> list[str]:
    """The names that installed packages add to a group."""
    return sorted(entry.name for entry in entry_points(group=group))


def part(module: str, extra: str | None, setting: str) -> ModuleType:
    """Import a module of ours whose packages come with this extra, None where all are always there.

    Raises ConfigError, in the name of the setting that chose it, where a package is missing.
    """
    try:
        return import_module(module)
    except ImportError as missing:
        package = (missing.name or "").partition(".")[0]
        if extra is None or package in ("", "sessiongate"):
            raise
        way = f'pip install "sessiongate[{extra}]"'
        raise ConfigError([f"{setting}: needs the package {package}; get it by {way}"]) from None


def find(name: str, built_in: Mapping[str, str], group: str, setting: str) -> object:
    """Load the plugin of this name: ours first, then installed packages'. Raises ConfigError."""
    if address := built_in.get(name):
        module, _, attribute = address.partition(":")
        found: object = getattr(part(module, _EXTRAS.get(module), setting), attribute)
        return found
    others = entry_points(group=group)
    for entry in others.select(name=name):
        return entry.load()
    known = sorted({*built_in, *(entry.name for entry in others)})
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError([f"{setting}: no such type; there are {', '.join(known)}{hint}"])
