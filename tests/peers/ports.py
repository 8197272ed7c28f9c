"""Loopback ports for peers that must be told one."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

# Below those that the kernel gives to whoever asks for any. Redis takes a second one for a Cluster.
_PORTS = range(10_240, 22_240)
_BUS = 10_000

_held: list[IO[str]] = []


def free_port() -> int:
    """A port that nobody listens on, nor will before its peer does; with it the one of its bus.

    Other tests of this machine, in whichever process, get others until this process ends.
    """
    folder = Path(tempfile.gettempdir()) / f"sessiongate-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    # Processes that run beside each other begin far apart.
    first = os.getpid() * 97 % len(_PORTS)
    port: int
    for port in (*_PORTS[first:], *_PORTS[:first]):
        claim = (folder / str(port)).open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for one in (port, port + _BUS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
        except OSError:
            claim.close()
        else:
            _held.append(claim)
            return port
    raise AssertionError("no port is free")
