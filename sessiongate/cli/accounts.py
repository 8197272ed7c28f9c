"""What is known of local users beside their records: who is locked, who is there, who was.

A running server knows sessions and locks; the audit knows the last logins, with or without one.
"""

import shlex
from collections.abc import Sequence

import msgspec

from sessiongate.cli import audit
from sessiongate.cli.control_client import ask, server_answers
from sessiongate.cli.output import Failed
from sessiongate.cli.table import Column
from sessiongate.config import Config
from sessiongate.identity.local.users_file import User
from sessiongate.rules.access import ADMINISTER, Roles
from sessiongate.service.user_history import MOST, history_of

USER_COLUMNS = (
    Column("name"),
    Column("role"),
    Column("disabled", rank=2),
    Column("locked", rank=1),
    Column("sessions", rank=3),
    Column("last_login", rank=4),
    Column("full_name", rank=5, least=10),
    Column("created", rank=6),
)


def no_administrator(users: Sequence[User], roles: Roles) -> str:
    """A sentence with the way out where none of these users may log in and administer, else ""."""
    if not users:
        return (
            "no user yet; `sessiongate init` adds an administrator, and so does"
            " `sessiongate users add NAME --role administrator`"
        )
    administrators = [one for one in users if ADMINISTER in roles.privileges_of((one.role,))]
    if any(not one.disabled for one in administrators):
        return ""
    if administrators:
        name = shlex.quote(administrators[0].name)
        return f"no administrator may log in; `sessiongate users enable {name}` lets one in again"
    return "no administrator; `sessiongate users add` makes one"


class _Open(msgspec.Struct):
    user: str
    provider: str
    sessions: int


class _Known(msgspec.Struct):
    """What a running server knows of its users."""

    locked: dict[str, dict[str, object]] = {}
    sessions: list[_Open] = []


def accounts_of(
    config: Config, provider: str, users: Sequence[User]
) -> tuple[list[dict[str, object]], str]:
    """A row for each of these users of a provider, and what could not be found out, "" for nothing.

    What is not known is None.
    """
    data_dir = config.server.data_dir
    running = server_answers(data_dir)
    known = ask(data_dir, "GET", "/users", _Known) if running else _Known()
    locked = known.locked.get(provider, {})
    sessions = {one.user: one.sessions for one in known.sessions if one.provider == provider}
    last = _last_logins(config, provider)
    rows = [
        _row(
            user,
            locked=user.canonical in locked if running else None,
            sessions=sessions.get(user.canonical, 0) if running else None,
            last=last.get(user.canonical),
        )
        for user in users
    ]
    if running:
        return rows, ""
    return rows, f"no server runs on {data_dir}, so who is locked and has sessions is not known"


def _row(
    user: User, *, locked: bool | None, sessions: int | None, last: str | None
) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role,
        "full_name": user.full_name or user.name,
        "disabled": user.disabled,
        "locked": locked,
        "sessions": sessions,
        "last_login": last,
        "created": user.created.isoformat() if user.created else None,
    }


def _last_logins(config: Config, provider: str) -> dict[str, str]:
    """The last login of each account of a provider, as far back as is looked."""
    try:
        with audit.opened(config) as record:
            logins = history_of(reversed(record.tail(MOST))).logins
    except Failed:  # there is none, or it cannot be read: nothing is known
        return {}
    return {
        person.name: at.replace(microsecond=0).isoformat()
        for person, at in logins.items()
        if person.provider == provider
    }
