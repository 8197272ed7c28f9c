"""In whose hands a directory is: who could put something else in it, or in its place.

Not only its owner. Each directory and link on the way to it is looked at, and none is opened:
whoever owns one of them could lead the way somewhere else. A way that only one account holds stays
as it was seen, as far as others are concerned, once it leads to something that is there. Where
nothing is there yet, in a directory of everybody's, anybody may still be the first to make it.

An account that an access control list lets write a directory holds it too. Who is in a group, the
system's own lists of accounts and groups say; what they do not list is not known here.
"""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sessiongate.access_lists import Writers, list_of

_MOST_LINKS = 40  # as Linux counts them before it says that there are too many


@dataclass(frozen=True, slots=True)
class Way:
    """What was seen on the way to a path."""

    holders: frozenset[int]
    """The accounts that own a directory or link on the way, or what is at its end, or may write a
    directory on it."""
    there: bool
    """Whether there is anything at its end."""
    objection: str = ""
    """Why anybody at all, or a group, could change the way, and what mends it: a clause."""
    end: tuple[int, int] | None = None
    """User and group of what is at its end, as it was judged."""
    hint: str = ""
    """Which list makes holders of accounts that own nothing: a clause that begins with a comma."""


def way_to(path: Path, *, but_its_end: bool = False) -> Way:
    """Look at the way to this path, as far as there is one.

    `but_its_end`: not at what has its last name, if anything has.
    """
    here, names, links = Path("/"), list(path.absolute().parts[1:]), 0
    holders: set[int] = set()
    hint = ""
    while True:
        found = here.lstat()
        holders.add(found.st_uid)
        # In a sticky directory only owners replace what is there; what is not, anybody may make.
        sticky = bool(found.st_mode & stat.S_ISVTX) and names
        objection = ""
        if stat.S_ISDIR(found.st_mode) and not sticky:
            listed = list_of(here)
            objection = _writable_for_others(here, found, listed)
            if listed is not None and (more := listed.users - {found.st_uid, 0}):
                holders |= more
                hint = f", since the access control list of {here} lets {names_of(more)} write it"
        if objection or not names:
            end = None if names else (found.st_uid, found.st_gid)
            return Way(frozenset(holders), not names, objection, end, hint)
        name = names.pop(0)
        if but_its_end and not names:
            return Way(frozenset(holders), there=True, hint=hint)
        if name == "..":
            here = here.parent
            continue
        try:
            below = (here / name).lstat()
        except OSError:
            return Way(frozenset(holders), there=False, hint=hint)  # it will belong to who makes it
        if stat.S_ISLNK(below.st_mode):
            holders.add(below.st_uid)
            links += 1
            if links > _MOST_LINKS:
                rule = "leads through too many links; name what is meant"
                return Way(frozenset(holders), there=False, objection=rule, hint=hint)
            target = (here / name).readlink()
            here = Path("/") if target.is_absolute() else here
            names = [part for part in target.parts if part != "/"] + names
        else:
            here /= name


def names_of(users: Collection[int]) -> str:
    """The names of these accounts, for people."""
    return " and ".join(map(_name, sorted(users)))


def _writable_for_others(here: Path, found: os.stat_result, listed: Writers | None) -> str:
    if found.st_mode & stat.S_IWOTH:
        return (
            f"anybody may put something else in its place, since {here} is writable for all; take"
            " that right away with chmod o-w"
        )
    groups_own = found.st_mode & stat.S_IWGRP if listed is None else listed.group
    if groups_own and not _is_its_owners_alone(found.st_gid, found.st_uid):
        return (
            f"the group {_group_name(found.st_gid)} may put something else in its"
            f" place, since {here} is writable for that group; take that right away with"
            f" chmod g-w {here}, or keep it in a directory that only its owner may write"
        )
    for group in sorted(listed.groups) if listed is not None else ():
        if not _is_its_owners_alone(group, found.st_uid):
            name = _group_name(group)
            return (
                f"the group {name} may put something else in its place, since the access control"
                f" list of {here} lets it; take that right away with setfacl -x g:{name} {here}"
            )
    return ""


def _is_its_owners_alone(group: int, owner: int) -> bool:
    """Whether nobody but this account, and root, has this group.

    Root alone has no group but its own: a process may have one that no account is listed with.
    """
    has_it = {one.pw_uid for one in pwd.getpwall() if one.pw_gid == group}
    with contextlib.suppress(KeyError):
        for member in grp.getgrgid(group).gr_mem:
            with contextlib.suppress(KeyError):
                has_it.add(pwd.getpwnam(member).pw_uid)
    if group == 0:
        return has_it <= {0, owner}
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
