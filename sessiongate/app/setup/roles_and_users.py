"""What the settings say of people: which roles there are, and which file local users stand in."""

from collections.abc import Sequence
from pathlib import Path

from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.identity.local.users_file import User, list_users
from sessiongate.identity.local.users_path import users_path
from sessiongate.rules.access import ADMINISTER, Roles, doubts_about, problems_with


def roles_of(config: Config) -> Roles:
    """The roles of these settings. Raises ConfigError."""
    custom = {name: role.privileges for name, role in config.roles.items()}
    if problems := problems_with(custom):
        raise ConfigError(problems)
    return Roles(custom)


def roles_as_they_are(config: Config) -> Roles:
    """The roles of these settings, right or wrong, where what is wrong is told elsewhere."""
    return Roles({name: role.privileges for name, role in config.roles.items()})


def roles_doubts(config: Config) -> list[str]:
    """What in the roles of these settings is allowed, and probably a slip."""
    return doubts_about({name: role.privileges for name, role in config.roles.items()})


def users_file(config: Config, provider: str | None = None) -> Path:
    """The users file of this provider, or of the only one of type `file`. Raises ConfigError."""
    files = {name: table for name, table in config.identity.items() if table.get("type") == "file"}
    if provider is None and len(files) == 1:
        provider = next(iter(files))
    if provider is None or provider not in files:
        names = ", ".join(files) or "none in the settings"
        raise ConfigError([f"--provider: must be a provider of type file; there are: {names}"])
    return users_path(provider, files[provider], config.server.data_dir)


def has_users(config: Config) -> bool:
    """Whether anybody could log in. Providers other than files are taken to know somebody."""
    tables = config.identity.items()
    return any(
        table.get("type") != "file" or bool(list_users(users_file(config, name)))
        for name, table in tables
    )


def is_last_administrator(user: User, users: Sequence[User], roles: Roles) -> bool:
    """Whether this one alone of these users may log in and administer."""
    able = [
        one.canonical
        for one in users
        if not one.disabled and ADMINISTER in roles.privileges_of((one.role,))
    ]
    return able == [user.canonical]
