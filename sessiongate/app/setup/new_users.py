"""By which rules of the settings somebody is added to a users file, or has another password."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sessiongate.app.setup.roles_and_users import roles_of
from sessiongate.config import Config
from sessiongate.errors import ConfigError, InvalidArgument
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import User, add_user, set_password
from sessiongate.secret import Secret


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
