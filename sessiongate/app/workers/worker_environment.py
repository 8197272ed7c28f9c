"""What a worker is told by its parent, in a variable of its environment."""

from collections.abc import Mapping

import msgspec

VARIABLE = "SESSIONGATE_WORKER"
"""By which the parent tells a worker who it is and which sockets it has."""


class WorkerEnvironment(msgspec.Struct):
    """A worker's number, its sockets by address, its lines to the parent, and what others have."""

    number: int
    sockets: dict[str, int]
    ready: int
    """Where to say that it is ready."""
    parent: int
    """What ends when the parent does."""
    operations: tuple[tuple[str, str], ...] = ()
    """The operations listeners of all workers: each address of the settings, and its URL."""
    without: tuple[str, ...] = ()
    """Why some worker has none, a sentence for each."""
    without_console: str = ""
    """Why there is no console."""


def worker_environment(environ: Mapping[str, str]) -> WorkerEnvironment | None:
    """What our parent gave us, None for a process that is nobody's worker."""
    text = environ.get(VARIABLE)
    return msgspec.json.decode(text, type=WorkerEnvironment) if text is not None else None
