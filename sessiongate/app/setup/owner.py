"""Whose rights a command acts with: root becomes the owner of the data directory, for good.

Whoever owns a directory may put a link in the place of any file in it, at any moment. Root that
opened, gave away or changed the mode of files there would do so to whatever the links lead to. So
it never does: before anything below the directory is opened, the process takes the user, the group
and the supplementary groups of the account that could put something else there, and cannot go
back. Who is not root keeps the rights it has. What the settings name outside is read after that
too, with the rights that the server has.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from sessiongate.errors import ConfigError
from sessiongate.holders import names_of, way_to

_NOBODY = 65534  # user and group, as Linux calls who is nobody in particular


def become_owner(data_dir: Path) -> str | None:
    """Take the rights of the account that this directory is in the hands of, if we are root.

    Says that account's name where it did, None where root or the present account it is. Raises
    ConfigError where several accounts, or anybody at all, could put something else in its place.
    """
    if os.geteuid() != 0:
        return None
    way = way_to(data_dir)
    if way.objection:
        raise ConfigError([f"{data_dir}: {way.objection}"])
    others = sorted(way.holders - {0})
    if not others:
        return None
    if len(others) > 1:
        names = names_of(way.holders - {0})
        raise ConfigError(
            [
                f"server.data_dir: {data_dir} is in the hands of {names}{way.hint}, so root cannot"
                " tell whose rights to act with; keep it in a directory of one account, or of root"
            ]
        )
    user, name = others[0], names_of({others[0]})
    try:
        # A second look at the directory would go wherever its holder leads it meanwhile.
        of, group = way.end or (user, user)
        _become(user, group if of == user else user)
    except OSError as problem:
        raise ConfigError(
            [
                f"server.data_dir: {data_dir} belongs to {name}, and root may not become that"
                f" account here ({problem.strerror}); run the command as {name}"
            ]
        ) from None
    if problem_with := _unusable(data_dir, name, way.hint):
        raise ConfigError([problem_with])
    return name


@contextlib.contextmanager
def reading_as_holder(file: Path | None) -> Iterator[None]:
    """Look at a file with the rights of who could put another in its place, if we are root.

    Where that is more than one account, with those of none of them.
    """
    way = way_to(file) if file is not None and os.geteuid() == 0 else None
    others = set[int]() if way is None else set(way.holders - {0})
    if way is None or not (others or way.objection):
        yield
        return
    user = others.pop() if len(others) == 1 and not way.objection else _NOBODY
    groups, own = os.getgroups(), os.getegid()
    group, supplementary = _groups_of(user, _NOBODY)
    try:
        os.setgroups(supplementary)
        os.setegid(group)
        os.seteuid(user)
        yield
    finally:
        os.seteuid(0)
        os.setegid(own)
        os.setgroups(groups)


def _become(user: int, otherwise: int) -> None:
    group, supplementary = _groups_of(user, otherwise)
    # The audit says who ran a command, and asks the environment first.
    if not {"LOGNAME", "USER", "LNAME", "USERNAME"} & os.environ.keys():
        os.environ["LOGNAME"] = "root"
    os.setgroups(supplementary)
    # Of root's, these two set the real and the saved number too: there is no way back.
    os.setgid(group)
    os.setuid(user)


def _unusable(data_dir: Path, name: str, hint: str) -> str | None:
    """What keeps this account from its own directory; one that is not there yet is made later."""
    try:
        of_root = data_dir.stat().st_uid == 0
    except FileNotFoundError:
        return None
    except OSError:
        of_root = False
    if of_root:
        return (
            f"server.data_dir: {data_dir} belongs to root, but {name} could put another in its"
            f" place{hint}; give it to {name} with chown -R, or keep it in a directory of root's"
        )
    if os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        return None
    return (
        f"server.data_dir: {data_dir} is out of reach of {name}, its owner; let {name} into the"
        " directories above it, or give it to the account that the server runs as"
    )


def _groups_of(user: int, otherwise: int) -> tuple[int, list[int]]:
    """The account's group and supplementary groups. One without a name has none but the first."""
    try:
        account = pwd.getpwuid(user)
    except KeyError:
        return otherwise, [otherwise]
    return account.pw_gid, os.getgrouplist(account.pw_name, account.pw_gid)
