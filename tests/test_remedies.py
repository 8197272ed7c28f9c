"""The way out that is named fits the cause."""

import errno
import os

from sessiongate.remedies import because, remedy
from tests.each import each

RIGHTS = "give this account the right to"


@each(
    ("code", "way"),
    [
        (errno.EACCES, RIGHTS),
        (errno.EPERM, RIGHTS),
        (errno.ENOSPC, "free space on its disk"),
        (errno.EDQUOT, "free space, or have the quota of this account raised"),
        (errno.EROFS, "mount it writable, or name another directory"),
        (errno.ELOOP, "remove the link, or name what it leads to"),
        (errno.ENOTDIR, "remove what stands in the place of a directory, or name another"),
    ],
)
def test_each_cause_has_its_way_out(code: int, way: str) -> None:
    problem = OSError(code, os.strerror(code))
    assert because(problem, RIGHTS) == f"{os.strerror(code)}; {way}"


def test_what_nobody_knows_is_not_guessed() -> None:
    assert remedy(OSError("odd"), RIGHTS) == ""
    assert because(OSError("odd"), RIGHTS) == "odd"
    assert because(OSError(errno.ECANCELED, "cancelled"), RIGHTS) == "cancelled"


def test_words_of_our_own_have_their_way_out_in_them() -> None:
    said = "it is in the hands of alice; give the directory to root"
    assert because(OSError(errno.EPERM, said), RIGHTS) == said
