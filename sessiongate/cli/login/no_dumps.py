"""Keeping what a command has in memory out of files and from other processes."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4
"""Of prctl(2)."""


def keep_secrets_in() -> None:
    """Have no image of this process written where it crashes, and nobody attach to it.

    What it runs may be attached to again, and has no image either.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
