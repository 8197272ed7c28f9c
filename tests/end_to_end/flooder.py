"""A peer that sends requests without end on one connection, and reads what it gets.

Run as `python -m tests.end_to_end.flooder PORT SECONDS [CA [KEY_UPDATES]]`, with TLS where a CA is
named; with a last number, so many TLS key updates are sent instead, and an empty line now and then.
Says on standard output when it has begun.
"""

import contextlib
import socket
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.http.records import Peer
from tests.until import PATIENCE

REQUEST = b"GET /nothing-is-here HTTP/1.1\r\nHost: x\r\n\r\n"


def flood(port: int, seconds: float, ca: str | None) -> None:
    line = socket.create_connection(("127.0.0.1", port), PATIENCE)
    if ca is not None:
        context = ssl.create_default_context(cafile=ca)
        line = context.wrap_socket(line, server_hostname="127.0.0.1")
    line.settimeout(0.2)
    over = time.monotonic() + seconds

    def read() -> None:
        while time.monotonic() < over:
            with contextlib.suppress(TimeoutError):
                if not line.recv(1 << 20):
                    return

    threading.Thread(target=read, daemon=True).start()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    while time.monotonic() < over:
        with contextlib.suppress(TimeoutError, ssl.SSLError):
            line.send(REQUEST * 2000)


def flood_with_key_updates(port: int, ca: str, count: int) -> None:
    """All of them are made before the first is sent."""
    line = socket.create_connection(("127.0.0.1", port), PATIENCE)
    context = ssl.create_default_context(cafile=ca)
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(context, Path(folder))
        said = peer.shake(b"")
        while not peer.handshake_done:
            line.sendall(said)
            said = peer.shake(line.recv(1 << 16))
    pieces = [said]
    for _ in range(count // 500):
        pieces += (peer.key_updates(500), peer.data(b"\r\n"))
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    line.sendall(b"".join(pieces))
    line.recv(1 << 16)


if __name__ == "__main__":
    if len(sys.argv) > 4:
        flood_with_key_updates(int(sys.argv[1]), sys.argv[3], int(sys.argv[4]))
    else:
        flood(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
