"""Providers of type `ldap` for tests: settings that fit a slapd of `tests.peers.slapd`."""

from pathlib import Path
from typing import Any

from sessiongate.identity.ldap.provider import LdapIdentity, plugin
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.plugin import BuiltProvider, PluginContext
from sessiongate.secret import Secret
from tests.peers.slapd import GROUPS, SERVICE, SERVICE_PASSWORD, SUFFIX, Slapd

DOMAINS = ["corp.example", "CORP"]
ROLES = {f"cn=admins,{GROUPS}": "administrator", f"CN=Operators, {GROUPS}": "operator"}


def table_of(slapd: Slapd, **more: object) -> dict[str, object]:
    """The settings for this slapd; `more` replaces them, None takes one out."""
    table: dict[str, object] = {
        "url": slapd.ldaps,
        "ca": str(slapd.ca),
        "bind_dn": SERVICE,
        "bind_password": Secret(SERVICE_PASSWORD),
        "base_dn": SUFFIX,
        "domains": DOMAINS,
        "groups": ROLES,
        "default_role": "user",
        **more,
    }
    return {key: value for key, value in table.items() if value is not None}


def made_of(table: dict[str, Any], data_dir: Path = Path("/nowhere")) -> BuiltProvider:
    """The plugin's answer to these settings."""
    hasher = PasswordHasher(1)
    hasher.close()
    return plugin("corp", table, PluginContext(data_dir, hasher))


def provider_of(slapd: Slapd, **more: object) -> LdapIdentity:
    """A provider for this slapd, with these settings changed."""
    provider = made_of(table_of(slapd, **more)).provider
    assert isinstance(provider, LdapIdentity)
    return provider
