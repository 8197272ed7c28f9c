"""Which server tests have: one in their own process, a child of it, or one that runs already."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sessiongate.testing.child_gate import ChildGate
from sessiongate.testing.gate import Gate
from sessiongate.testing.ready_file import DevServer, DevUser, read_ready_file
from sessiongate.testing.remote_gate import RemoteGate

IN_PROCESS, SUBPROCESS = "inprocess", "subprocess"

AnyGate = Gate | RemoteGate


def starter(where: str) -> Callable[..., AnyGate]:
    """What starts a server as `where` says: `inprocess`, `subprocess`, a URL or a ready file.

    It takes the arguments of `Gate.start`. Raises ValueError where `where` means nothing, or names
    a server that cannot be steered.
    """
    if where == IN_PROCESS:
        return Gate.start
    if where == SUBPROCESS:
        return ChildGate.start
    there = _by_url(where) if "://" in where else _by_file(Path(where))

    def found(**asked: Any) -> RemoteGate:  # noqa: ANN401 - whatever a test asks for
        if asked:
            names = ", ".join(sorted(asked))
            raise ValueError(f"the server at {there.url} is as it is; this test asks for {names}")
        there.reset()
        return there

    return found


def _by_file(path: Path) -> RemoteGate:
    try:
        server = read_ready_file(path)
    except OSError as problem:
        modes = f"{IN_PROCESS}, {SUBPROCESS}, a URL, or the ready file of `sessiongate dev`"
        raise ValueError(f"{path}: {problem.strerror}; there are {modes}") from None
    except ValueError:
        raise ValueError(f"{path} is no ready file of `sessiongate dev`") from None
    # Where it is on this machine, its data directory is the one that has the certificate.
    near = None if server.ca is None else Path(server.ca).parent.parent
    return RemoteGate(server, near)


def _by_url(url: str, environ: Mapping[str, str] = os.environ) -> RemoteGate:
    """A server that is described as `dev -- COMMAND` does it."""
    name = environ.get("SESSIONGATE_USER", "")
    password = environ.get("SESSIONGATE_PASSWORD", "")
    server = DevServer(
        url=url,
        operations=environ.get("SESSIONGATE_OPERATIONS", ""),
        ca=environ.get("SESSIONGATE_CA"),
        fingerprint="",
        users={name: DevUser(password, "")} if name else {},
        token=environ.get("SESSIONGATE_DEV_TOKEN", ""),
        pid=0,
        seed=0,
    )
    folder = environ.get("SESSIONGATE_DATA_DIR")
    gate = RemoteGate(server, Path(folder) if folder else None)
    if not gate.can_be_reset:
        raise ValueError(
            f"{url}: the server cannot be reset between tests; name its ready file instead, or set"
            " SESSIONGATE_OPERATIONS and SESSIONGATE_DEV_TOKEN, as `sessiongate dev -- pytest` does"
        )
    return gate
