"""What mends a refusal of the system, by its cause.

A right of the account is one cause among many: what a full disk refuses, no `chmod` gives.
"""

import errno
import os

_REMEDIES = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space, or have the quota of this account raised",
    errno.EROFS: "mount it writable, or name another directory",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit on open files",
    errno.EIO: "see that its disk works",
    errno.ENOENT: "make its directory, or name another",
    errno.ENOTDIR: "remove what stands in the place of a directory, or name another",
    errno.EISDIR: "remove that directory, or name a file",
    errno.EEXIST: "remove what is there, or name another",
    errno.ELOOP: "remove the link, or name what it leads to",
    errno.EINVAL: "remove it, or name another file",  # as `files` refuses links, pipes and the like
    errno.ENAMETOOLONG: "choose a shorter name",
}

_OF_RIGHTS = frozenset({errno.EACCES, errno.EPERM})


def remedy(problem: OSError, rights: str) -> str:
    """What mends this: a clause. `rights` says how an account gets the right that it lacks.

    Empty where the cause is not known, or the problem's own words have the way out in them.
    """
    code = problem.errno
    if code not in _OF_RIGHTS:
        return _REMEDIES.get(code, "") if code is not None else ""
    # `files` says itself what mends it where a directory is in other hands.
    return rights if problem.strerror == os.strerror(code) else ""


def because(problem: OSError, rights: str) -> str:
    """Why, in the system's words, and after a semicolon what mends it."""
    why, way = str(problem.strerror or problem), remedy(problem, rights)
    return f"{why}; {way}" if way else why
