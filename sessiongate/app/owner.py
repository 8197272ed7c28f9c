"""Whose rights a command acts with: root becomes the owner of the data directory, for good.

Whoever owns a directory may put a link in the place of any file in it, at any moment. Root that
opened, gave away or changed the mode of files there would do so to whatever the links lead to. So
it never does: before anything below the directory is opened, the process takes the user, the group
and the supplementary groups of the account that could put something else there, and cannot go
back. Who is not root keeps the rights it has. What the settings name outside is read after that
too, with the rights that the server has.
"""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from sessiongate.errors import ConfigError

_NOBODY = 65534  # user and group, as Linux calls who is nobody in particular
_MOST_LINKS = 40  # as Linux counts them before it says that there are too many


def become_owner(data_dir: Path) -> str | None:
    """Take the rights of the account that this directory is in the hands of, if we are root.

    Says that account's name where it did, None where root or the present account it is. Raises
    ConfigError where several accounts, or anybody at all, could put something else in its place.
    """
    if os.geteuid() != 0:
        return None
    others = sorted(set(_holders(data_dir)) - {0})
    if not others:
        return None
    if len(others) > 1:
        names = " and ".join(map(_name, others))
        raise ConfigError(
            [
                f"server.data_dir: {data_dir} is in the hands of {names}, so root cannot tell whose"
                " rights to act with; keep it in a directory of one account, or of root"
            ]
        )
    user, name = others[0], _name(others[0])
    try:
        _become(user, data_dir.stat().st_gid if _leads_somewhere(data_dir) else user)
    except OSError as problem:
        raise ConfigError(
            [
                f"server.data_dir: {data_dir} belongs to {name}, and root may not become that"
                f" account here ({problem.strerror}); run the command as {name}"
            ]
        ) from None
    if problem_with := _unusable(data_dir, name):
        raise ConfigError([problem_with])
    return name


@contextlib.contextmanager
def reading_as_holder(file: Path | None) -> Iterator[None]:
    """Look at a file with the rights of who could put another in its place, if we are root.

    Where that is more than one account, with those of none of them.
    """
    others = set() if file is None or os.geteuid() != 0 else _holders_or_anybody(file) - {0}
    if not others:
        yield
        return
    user = others.pop() if len(others) == 1 else _NOBODY
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


def _leads_somewhere(data_dir: Path) -> bool:
    """Whether there is a file or directory, at the end of a link too, that we can look at."""
    try:
        data_dir.stat()
    except OSError:
        return False
    return True


def _unusable(data_dir: Path, name: str) -> str | None:
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
            f" place; give it to {name} with chown -R, or keep it in a directory of root's"
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


def _holders_or_anybody(path: Path) -> set[int]:
    try:
        return set(_holders(path))
    except ConfigError:
        return {-1, -2}


def _holders(path: Path) -> Iterator[int]:
    """Whoever owns a directory or link on the way to this path, or what is there.

    Looked at and never opened. Raises ConfigError where anybody at all, or a group, could change
    the way.
    """
    here, names, links = Path("/"), list(path.absolute().parts[1:]), 0
    while True:
        found = here.lstat()
        yield found.st_uid
        # In a sticky directory only owners replace what is there; what is not, anybody may make.
        sticky = bool(found.st_mode & stat.S_ISVTX) and names
        if stat.S_ISDIR(found.st_mode) and not sticky:
            _refuse_what_others_may_write(path, here, found)
        if not names:
            return
        name = names.pop(0)
        if name == "..":
            here = here.parent
            continue
        try:
            below = (here / name).lstat()
        except OSError:
            return  # nothing there yet: it will belong to who makes it
        if stat.S_ISLNK(below.st_mode):
            yield below.st_uid
            links += 1
            if links > _MOST_LINKS:
                raise ConfigError([f"{path}: leads through too many links; name what is meant"])
            target = (here / name).readlink()
            here = Path("/") if target.is_absolute() else here
            names = [part for part in target.parts if part != "/"] + names
        else:
            here /= name


def _refuse_what_others_may_write(path: Path, here: Path, found: os.stat_result) -> None:
    if found.st_mode & stat.S_IWOTH:
        raise ConfigError(
            [
                f"{path}: anybody may put something else in its place, since {here} is writable"
                " for all; take that right away with chmod o-w"
            ]
        )
    if found.st_mode & stat.S_IWGRP and not _is_its_owners_alone(found.st_gid, found.st_uid):
        raise ConfigError(
            [
                f"{path}: the group {_group_name(found.st_gid)} may put something else in its"
                f" place, since {here} is writable for that group; take that right away with"
                f" chmod g-w {here}, or keep it in a directory that only its owner may write"
            ]
        )


def _is_its_owners_alone(group: int, owner: int) -> bool:
    """Whether this group is root's, or one that nobody but this account has."""
    if group == 0:
        return True
    has_it = {one.pw_uid for one in pwd.getpwall() if one.pw_gid == group}
    with contextlib.suppress(KeyError):
        for member in grp.getgrgid(group).gr_mem:
            with contextlib.suppress(KeyError):
                has_it.add(pwd.getpwnam(member).pw_uid)
    return owner != 0 and has_it == {owner}


def _group_name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return f"gid {group}"


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"
