"""Where a provider of type `file` keeps its users, by its settings."""

from collections.abc import Mapping
from pathlib import Path

from sessiongate.config.provider_tables import ProviderTable


def users_path(name: str, table: Mapping[str, object], data_dir: Path) -> Path:
    """Where the provider of this name and table keeps its users. Raises ConfigError."""
    settings = ProviderTable(name, {key: table[key] for key in ("path",) if key in table})
    path = path_of(settings, data_dir)
    settings.finish()
    return path


def path_of(settings: ProviderTable, data_dir: Path) -> Path:
    """The same of a table that is being read, with whatever else is in it."""
    return settings.file("path", data_dir) or data_dir / "users.toml"
