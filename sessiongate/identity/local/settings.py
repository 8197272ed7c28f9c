"""The settings of a provider of type `file`: `path` (users.toml) and `domains` ([])."""

from collections.abc import Mapping

from sessiongate.config import values
from sessiongate.config.provider_tables import ProviderTable
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.local.users_path import path_of
from sessiongate.identity.plugin import BuiltProvider, PluginContext


def file(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The provider of type `file`. Raises ConfigError with every problem of its settings."""
    settings = ProviderTable(name, table)
    path = path_of(settings, context.data_dir)
    domains = settings.take("domains", values.many(values.domain), ())
    settings.finish()
    provider = FileIdentity(name, path, context.hasher, domains)
    return BuiltProvider(provider, domains, in_process=True)
