"""What a shell offers at the tab key for roles, names of users and upstreams, and keys of sessions.

What cannot be found out offers nothing and says nothing: a shell shows whatever is said amid the
line that somebody types.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

import typer

from sessiongate.app.setup.roles_and_users import roles_of, users_file
from sessiongate.cli.control_client import get_or_none
from sessiongate.cli.options import settings
from sessiongate.cli.output import Failed
from sessiongate.config import Config
from sessiongate.errors import ConfigError, SessionGateError
from sessiongate.identity.local.users_file import list_users
from sessiongate.rules.access import Roles


def role_names(context: typer.Context, incomplete: str) -> list[str]:
    """Roles that there are; of settings that cannot be read, those that are built in."""
    config = _settings(context)
    try:
        names = Roles().names() if config is None else roles_of(config).names()
    except ConfigError:
        names = Roles().names()
    return _beginning(incomplete, names)


def user_names(context: typer.Context, incomplete: str) -> list[str]:
    """Local users."""
    config = _settings(context)
    if config is None:
        return []
    try:
        users = list_users(users_file(config, context.params.get("provider")))
    except (ConfigError, SessionGateError, OSError):
        return []
    return _beginning(incomplete, (user.name for user in users))


def session_keys(context: typer.Context, incomplete: str) -> list[str]:
    """Keys of the running server's live sessions."""
    config = _settings(context)
    rows = get_or_none(config.server.data_dir, "/sessions") if config is not None else None
    if not isinstance(rows, list):
        return []
    return _beginning(incomplete, (str(row.get("key", "")) for row in rows))


def upstream_names(context: typer.Context, incomplete: str) -> list[str]:
    """Upstreams of the settings."""
    config = _settings(context)
    return _beginning(incomplete, config.upstream) if config is not None else []


def _settings(context: typer.Context) -> Config | None:
    """The settings by the options that stand in the line so far, None where they are no good."""
    config, data_dir = context.params.get("config"), context.params.get("data_dir")
    try:
        return settings(_path(config), _path(data_dir))
    except (Failed, ConfigError, OSError, ValueError):
        return None


def _path(value: object) -> Path | None:
    return Path(str(value)) if value is not None else None


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    """Those that begin so, and that a shell takes as they are."""
    return [name for name in names if name.startswith(incomplete) and shlex.quote(name) == name]
