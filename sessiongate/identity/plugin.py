"""What an identity plugin is: a function from its own settings table to a provider.

The table is as the operator wrote it, without `type`; the plugin owns its keys. Problems are
raised together, as one ConfigError that names settings and rules and never a value.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec

from sessiongate.errors import ConfigError
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.port import IdentityProvider


class Surroundings(msgspec.Struct, frozen=True):
    """What the server lends to providers."""

    data_dir: Path
    hasher: PasswordHasher


class Made(msgspec.Struct, frozen=True):
    """A provider, and the domains that it claims."""

    provider: IdentityProvider
    domains: tuple[str, ...] = ()
    near: bool = False
    """Whether it answers from this process, so that it cannot be out of reach."""
    roles: tuple[str, ...] = ()
    """The roles that its settings name: they must exist, or nobody with one could log in."""


Plugin = Callable[[str, Mapping[str, object], Surroundings], Made]


def unknown_keys(name: str, table: Mapping[str, object], known: Collection[str]) -> list[str]:
    """A problem for each key that the provider does not have, with the nearest that it has."""
    problems = []
    for key in sorted(table.keys() - set(known)):
        near = difflib.get_close_matches(key, known, 1)
        meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
        problems.append(f"identity.{name}.{key}: not a setting{meant}")
    return problems


def users_path(table: Mapping[str, object], data_dir: Path) -> Path:
    """Where a provider of type `file` keeps its users: `path`, relative to the data directory."""
    return data_dir / str(table.get("path", "users.toml"))


def file(name: str, table: Mapping[str, object], around: Surroundings) -> Made:
    """The provider of type `file`: `path` (users.toml) and `domains` ([])."""
    problems = unknown_keys(name, table, ("path", "domains"))
    path, domains = table.get("path", "users.toml"), table.get("domains", [])
    if not isinstance(path, str) or not path:
        problems.append(f'identity.{name}.path: must be the name of a file, such as "users.toml"')
    if not isinstance(domains, list) or not all(isinstance(one, str) and one for one in domains):
        problems.append(f'identity.{name}.domains: must be names, such as ["vsphere.local"]')
        domains = []
    if problems:
        raise ConfigError(problems)
    claimed = tuple(map(str, domains))
    provider = FileIdentity(name, users_path(table, around.data_dir), around.hasher, claimed)
    return Made(provider, claimed, near=True)
