"""In whose hands a directory is: who could put something else in it, or in its place.

Not only its owner. Each directory and link on the way to it is looked at, and none is opened:
whoever owns one of them could lead the way somewhere else. A way that only one account holds stays
as it was seen, as far as others are concerned, once it leads to something that is there. Where
nothing is there yet, in a directory of everybody's, anybody may still be the first to make it.
"""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40  # as Linux counts them before it says that there are too many


@dataclass(frozen=True, slots=True)
class Way:
    """What was seen on the way to a path."""

    holders: frozenset[int]
    """The accounts that own a directory or link on the way, or what is at its end."""
    there: bool
    """Whether there is anything at its end."""
    objection: str = ""
    """Why anybody at all, or a group, could change the way, and what mends it: a clause."""


def way_to(path: Path) -> Way:
    """Look at the way to this path, as far as there is one."""
    here, names, links = Path("/"), list(path.absolute().parts[1:]), 0
    holders: set[int] = set()
    while True:
        found = here.lstat()
        holders.add(found.st_uid)
        # In a sticky directory only owners replace what is there; what is not, anybody may make.
        sticky = bool(found.st_mode & stat.S_ISVTX) and names
        objection = ""
        if stat.S_ISDIR(found.st_mode) and not sticky:
            objection = _writable_for_others(here, found)
        if objection or not names:
            return Way(frozenset(holders), not names, objection)
        name = names.pop(0)
        if name == "..":
            here = here.parent
            continue
        try:
            below = (here / name).lstat()
        except OSError:
            return Way(frozenset(holders), there=False)  # it will belong to who makes it
        if stat.S_ISLNK(below.st_mode):
            holders.add(below.st_uid)
            links += 1
            if links > _MOST_LINKS:
                rule = "leads through too many links; name what is meant"
                return Way(frozenset(holders), there=False, objection=rule)
            target = (here / name).readlink()
            here = Path("/") if target.is_absolute() else here
            names = [part for part in target.parts if part != "/"] + names
        else:
            here /= name


def names_of(users: Collection[int]) -> str:
    """The names of these accounts, for people."""
    return " and ".join(map(_name, sorted(users)))


def _writable_for_others(here: Path, found: os.stat_result) -> str:
    if found.st_mode & stat.S_IWOTH:
        return (
            f"anybody may put something else in its place, since {here} is writable for all; take"
            " that right away with chmod o-w"
        )
    if found.st_mode & stat.S_IWGRP and not _is_its_owners_alone(found.st_gid, found.st_uid):
        return (
            f"the group {_group_name(found.st_gid)} may put something else in its"
            f" place, since {here} is writable for that group; take that right away with"
            f" chmod g-w {here}, or keep it in a directory that only its owner may write"
        )
    return ""


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
