"""Users of a server for tests: who they are, and how they come into its file."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.rules.access import ADMINISTRATOR, Roles
from sessiongate.secret import Secret

CI, READER, NOBODY = "ci", "reader", "nobody"
USERS: Mapping[str, str] = {CI: ADMINISTRATOR, READER: "user", NOBODY: "no-access"}
"""Who may log in, and with which role, where nothing else is said."""

CHEAP = {"memory_kib": 8, "passes": 1, "lanes": 1}
"""What a hash of a password costs here, where it guards nothing."""


class TestUser(msgspec.Struct, frozen=True):
    """A user who can log in."""

    __test__ = False  # for pytest, which takes classes of such names for tests

    name: str
    password: str
    role: str


def cheap_hasher(threads: int = 1) -> PasswordHasher:
    """Hashes at a cost that guards nothing."""
    return PasswordHasher(threads, **CHEAP)


def with_random_passwords(roles: Mapping[str, str]) -> list[TestUser]:
    """Users of these names and roles."""
    return [TestUser(name, secrets.token_urlsafe(18), role) for name, role in roles.items()]


def add_users(path: Path, users: Iterable[TestUser], roles: Roles) -> None:
    """Write them into this users file. Raises InvalidArgument for what cannot be."""
    hasher = cheap_hasher()
    try:
        for one in users:
            add_user(
                path,
                one.name,
                Secret(one.password),
                one.role,
                hasher=hasher,
                roles=roles.names(),
                created=datetime.now(UTC).replace(microsecond=0),
            )
    finally:
        hasher.close()
