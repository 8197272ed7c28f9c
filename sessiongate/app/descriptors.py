"""How many connections the process may have, by the number of files that it may open.

Every socket is an open file to the system. Where connections could take all of them, a crowd that
says nothing would shut out the store, the control socket and the operations listener; so some are
kept back for these.
"""

import resource

KEPT = 256
"""Files kept back: the store's, logs, the control socket's and the operations listener's
connections, those to directories and to Redis, and the few above the cap that are told so."""

_SPARE = 1024
"""Files beside the connections that we ask for, where we may: many more than are kept back."""


def make_room(connections: int) -> int | None:
    """Raise the number of files we may open towards what so many connections need.

    How many there are then; None where there is no limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = connections + _SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # a system that allows less than it says
        return soft
    return wanted


def places(connections: int, files: int | None) -> int:
    """How many connections there may be of those wanted, where so many files may be open.

    Where files are so few that nothing is left otherwise, a half is kept back.
    """
    if files is None:
        return connections
    return max(1, min(connections, files - min(KEPT, files // 2)))
