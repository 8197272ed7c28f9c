"""Whom a name stands for, as far as the settings and the files of users say."""

from enum import Enum

from sessiongate.app.setup.roles_and_users import users_file
from sessiongate.config import Config
from sessiongate.identity.local.users_file import read_users
from sessiongate.rules.accounts import canonical_domain, parse_account


class Known(Enum):
    """Whether somebody of a name exists."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "a directory or an issuer would have to be asked"


def known_as(config: Config, name: str) -> Known:
    """Whether the settings know this name. Raises BadCredentials for what is no name."""
    account = parse_account(name)
    clients = {one.casefold() for one in config.dialects.appliance.clients}
    extensions = {one.casefold() for one in config.extensions}
    if account.canonical in clients | extensions:
        return Known.YES
    others = bool(config.tokens)
    for provider, table in config.identity.items():
        if table.get("type") != "file":
            others = True
            continue
        users = read_users(users_file(config, provider))
        domains = table.get("domains")
        claimed = set(map(canonical_domain, domains)) if isinstance(domains, list) else set()
        if account.canonical in users or (account.domain in claimed and account.user in users):
            return Known.YES
    return Known.UNKNOWN if others else Known.NO
