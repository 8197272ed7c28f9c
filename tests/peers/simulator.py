"""The simulator that clients of vSphere are tested with, as a program of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.peers.setup import program
from tests.until import PATIENCE


@contextmanager
def simulator(user: str, password: str, *more: str) -> Iterator[int]:
    """The port of a fresh one that knows one user; with "inventory", of a small house."""
    path = program("vcsim")
    if not path.exists():
        pytest.skip("vcsim is not built: run tests/peers/setup.py")
    pipe = subprocess.PIPE
    command = [str(path), user, password, *more]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield int(address.rpartition(":")[2])
        finally:
            process.stdin.close()  # which is how it is told to end
            process.wait(PATIENCE)
