"""Loopback ports for peers that must be told one."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from sessiongate.config import load
from tests.until import wait_until

# Below those that the kernel gives to whoever asks for any. Redis takes a second one for a Cluster.
_PORTS = range(10_240, 22_240)
_BUS = 10_000

_held: list[IO[str]] = []


def free_port() -> int:
    """A port that nobody listens on, nor will before its peer does; with it the one of its bus.

    Other tests of this machine, in whichever process, get others until this process ends.
    """
    folder = _claims()
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


@contextmanager
def usual_operations_port() -> Iterator[socket.socket]:
    """A socket that has the address where operations are by default; close it to give it back.

    Until the end it is no other test's turn. Skips where somebody else has the address for good.
    """
    usual = load(environ={}).admin.listen
    assert usual is not None
    mine: list[socket.socket] = []

    def is_mine() -> bool:
        with suppress(OSError):
            mine.append(socket.create_server((usual.host, usual.port)))
        return bool(mine)

    with (_claims() / "operations").open("w") as turn:
        wait_until(lambda: _locks(turn))
        try:
            wait_until(is_mine)  # a command that was just run may still have it
        except TimeoutError:
            pytest.skip(f"somebody on this machine has {usual}")
        with mine[0]:
            yield mine[0]


def _claims() -> Path:
    """Where tests of this account, in whichever process, say what they have."""
    folder = Path(tempfile.gettempdir()) / f"sessiongate-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    return folder


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
