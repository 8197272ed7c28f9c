"""The settings of a provider of type `file`: `path` (users.toml) and `domains` ([])."""

from collections.abc import Mapping
from pathlib import Path

from sessiongate.config import values
from sessiongate.config.provider_tables import ProviderTable
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.plugin import BuiltProvider, PluginContext


def file(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The provider of type `file`. Raises ConfigError with every problem of its settings."""
    settings = ProviderTable(name, table)
    path = _path(settings, context.data_dir)
    domains = settings.take("domains", values.many(values.domain), ())
    settings.finish()
    provider = FileIdentity(name, path, context.hasher, domains)
    return BuiltProvider(provider, domains, in_process=True)


def users_path(name: str, table: Mapping[str, object], data_dir: Path) -> Path:
    """Where the provider of this name and table keeps its users. Raises ConfigError."""
    settings = ProviderTable(name, {key: table[key] for key in ("path",) if key in table})
    path = _path(settings, data_dir)
    settings.finish()
    return path


def _path(settings: ProviderTable, data_dir: Path) -> Path:
    return settings.file("path", data_dir) or data_dir / "users.toml"
