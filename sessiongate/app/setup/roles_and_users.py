"""What the settings say of people: which roles there are, which file local users stand in, and by
which rules somebody is added there or has another password.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sessiongate.config import Config
from sessiongate.errors import ConfigError, InvalidArgument
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import User, add_user, list_users, set_password
from sessiongate.identity.local.users_path import users_path
from sessiongate.rules.access import ADMINISTER, Roles, doubts_about, problems_with
from sessiongate.secret import Secret


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


def new_user(
    config: Config,
    path: Path,
    name: str,
    password: Secret,
    role: str,
    full_name: str = "",
    *,
    any_length: bool = False,
) -> User:
    """Add a user to this users file, by the rules of the settings. Blocks.

    `any_length` leaves the rules for passwords out. Raises ConfigError, and InvalidArgument for a
    name, role or password that cannot be.
    """
    return add_user(
        path,
        name,
        password,
        role,
        hasher=PasswordHasher(1),
        roles=roles_of(config).names(),
        full_name=full_name,
        created=datetime.now(UTC).replace(microsecond=0),
        least=None if any_length else config.hashing.min_length,
    )


def new_password(config: Config, path: Path, name: str, password: Secret) -> User:
    """Set the password of a user in this file, by the same rules. Blocks.

    Raises ConfigError, NotFound, and InvalidArgument for a password that cannot be.
    """
    least = config.hashing.min_length
    return set_password(path, name, password, hasher=PasswordHasher(1), least=least)


@contextmanager
def refused_to_people() -> Iterator[None]:
    """What keeps a users file from being changed (it is broken, or a link) is told as a refusal.

    Raises InvalidArgument in place of ConfigError.
    """
    try:
        yield
    except ConfigError as error:
        raise InvalidArgument("users file", "; ".join(error.problems)) from None


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
