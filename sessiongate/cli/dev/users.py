"""Who may log in at a `dev`: what --user and SESSIONGATE_DEV_USERS say, and who else there is."""

from collections import Counter
from collections.abc import Collection, Sequence
from difflib import get_close_matches

import typer

from sessiongate.app.setup.roles_and_users import roles_of, users_file
from sessiongate.cli.dev.upstream import DOMAIN
from sessiongate.cli.output import note
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.testing.users import USERS, TestUser, add_users, with_random_passwords

VARIABLE = "SESSIONGATE_DEV_USERS"
"""NAME:PASSWORD[:ROLE] of each, with spaces or line ends between them; --user takes its place."""


def user_in(text: str, roles: Collection[str]) -> TestUser:
    """The user of NAME:PASSWORD[:ROLE]. A last part that is no role's name is of the password.

    Without a role an administrator. Raises typer.BadParameter.
    """
    name, _, rest = text.partition(":")
    password, _, role = rest.rpartition(":")
    if not password or role not in roles:
        password, role = rest, ADMINISTRATOR
    if not name or not password:
        # Not what was given: it may hold a password.
        raise typer.BadParameter("must be NAME:PASSWORD or NAME:PASSWORD:ROLE", param_hint="--user")
    return TestUser(name, password, role)


def role_meant(user: TestUser, roles: Collection[str]) -> str:
    """The role that the end of this password is nearly the name of; "" where it is like none."""
    _, colon, last = user.password.rpartition(":")
    if not colon or last in roles:  # a password that only looks so: `ci::user`
        return ""
    return next(iter(get_close_matches(last, roles, 1, 0.75)), "")


def let_in(config: Config, named: Sequence[str]) -> list[TestUser]:
    """Write these users into the first users file of the settings, and return them.

    Raises ConfigError where the settings have none, typer.BadParameter for a text that names
    nobody, and InvalidArgument for a name or a password that cannot be.
    """
    roles = roles_of(config).names()
    users = [user_in(one, roles) for one in named]
    for name, times in Counter(one.name for one in users).items():
        if times > 1:
            raise typer.BadParameter(f"{name} is named {times} times", param_hint="--user")
    for user in users:
        if meant := role_meant(user, roles):
            note(
                f"--user {user.name}: what follows the last colon is no role's name ({meant} is),"
                " and belongs to the password"
            )
    if _first_file(config) is None:
        raise ConfigError(
            ["--user: the settings have no provider of type file, which could have users"]
        )
    return _written(config, users)


def standing_users(config: Config, *, before_upstream: bool, for_programs: bool) -> list[TestUser]:
    """Those that there are where nobody is named, with passwords that are made up.

    For programs `ci`, `reader` and `nobody`; for people one administrator of a name as vCenters
    have it. Before an upstream only names of our own domain are ours. Nobody where the settings
    have no users file.
    """
    if before_upstream:
        roles = {f"administrator@{DOMAIN}": ADMINISTRATOR}
    elif for_programs:
        roles = dict(USERS)
    else:
        roles = {"administrator@vsphere.local": ADMINISTRATOR}
    return _written(config, with_random_passwords(roles))


def _written(config: Config, users: list[TestUser]) -> list[TestUser]:
    provider = _first_file(config)
    if provider is None:
        return []
    add_users(users_file(config, provider), users, roles_of(config))
    return users


def _first_file(config: Config) -> str | None:
    names = (name for name, table in config.identity.items() if table.get("type") == "file")
    return next(names, None)
