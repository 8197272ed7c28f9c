"""Plugin name to class: ours by table, others by entry point, each imported only when chosen."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points

from sessiongate.errors import ConfigError

IDENTITY: Mapping[str, str] = {
    "file": "sessiongate.identity.plugin:file",
    "ldap": "sessiongate.identity.ldap.provider:plugin",
    "vcenter": "sessiongate.identity.vcenter.settings:vcenter",
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


def names(group: str) -> list[str]:
    """The names that installed packages add to a group."""
    return sorted(entry.name for entry in entry_points(group=group))


def find(name: str, built_in: Mapping[str, str], group: str, setting: str) -> object:
    """Load the plugin of this name: ours first, then installed packages'. Raises ConfigError."""
    if address := built_in.get(name):
        module, _, attribute = address.partition(":")
        found: object = getattr(import_module(module), attribute)
        return found
    others = entry_points(group=group)
    for entry in others.select(name=name):
        return entry.load()
    known = sorted({*built_in, *(entry.name for entry in others)})
    raise ConfigError([f"{setting}: no such type; there are {', '.join(known)}"])
