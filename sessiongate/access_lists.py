"""POSIX access control lists, as Linux keeps them: whom one lets write, beside owner and others.

Where a file has a list, the group's bits of its mode are the mask of the list: the most that
anybody in it but the owner may do. Lists of NFSv4 are another thing and are not read.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

NAME = "system.posix_acl_access"
"""The extended attribute. Its form is in linux/posix_acl_xattr.h."""

_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_VERSION = 2
_USER, _GROUP_OF_FILE, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 0x2


@dataclass(frozen=True, slots=True)
class Writers:
    """Whom a list lets write."""

    users: frozenset[int]
    """The accounts that it names."""
    groups: frozenset[int]
    """The groups that it names."""
    group: bool
    """The group that the file belongs to."""


def list_of(path: Path) -> Writers | None:
    """Whom the list of this file lets write; None without one, or where there are none."""
    # The module's own attribute, since systems without such lists do not have it.
    read = getattr(os, "getxattr", None)
    if read is None:
        return None
    try:
        return writers(read(path, NAME, follow_symlinks=False))
    except OSError:  # none there, or none on this system of files: the mode says it all
        return None


def writers(value: bytes) -> Writers | None:
    """Read the attribute's bytes; None for a form that is not known."""
    if len(value) < _HEAD.size or _HEAD.unpack_from(value)[0] != _VERSION:
        return None
    entries = value[_HEAD.size :]
    if len(entries) % _ENTRY.size:
        return None
    masked, users, groups, group = True, set[int](), set[int](), False
    for tag, rights, who in _ENTRY.iter_unpack(entries):
        may = bool(rights & _WRITE)
        if tag == _MASK:
            masked = may
        elif may and tag == _USER:
            users.add(who)
        elif may and tag == _GROUP:
            groups.add(who)
        elif tag == _GROUP_OF_FILE:
            group = may
    if not masked:
        return Writers(frozenset(), frozenset(), group=False)
    return Writers(frozenset(users), frozenset(groups), group)
