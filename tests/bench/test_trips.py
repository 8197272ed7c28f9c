"""The line that counts for how many answers a client waits one after the other."""

import socket
import threading
from collections.abc import Iterator

import pytest

from bench.tools.trips import Line, counted
from tests.until import PATIENCE


@pytest.fixture
def line() -> Iterator[Line]:
    """Before a server that answers each byte by one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_echo, args=(server,))
        thread.start()
        with counted(server.getsockname()[1]) as found:
            yield found
        thread.join()


def _echo(server: socket.socket) -> None:
    """To one client."""
    peer, _ = server.accept()
    with peer:
        while data := peer.recv(1):
            peer.sendall(data)


def test_what_waits_for_an_answer_is_a_trip(line: Line) -> None:
    with socket.create_connection(("127.0.0.1", line.port), PATIENCE) as peer:
        for _ in range(3):
            peer.sendall(b"a")
            assert peer.recv(1) == b"a"
    assert line.trips == 3


def test_what_goes_together_is_one(line: Line) -> None:
    with socket.create_connection(("127.0.0.1", line.port), PATIENCE) as peer:
        peer.sendall(b"abc")
        found = b""
        while len(found) < 3:
            found += peer.recv(3)
    assert line.trips == 1
