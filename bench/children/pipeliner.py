"""One connection that sends requests without waiting for their replies, and reads those."""

import socket
import sys
import threading
from urllib.parse import urlsplit

_MANY = b"GET /api/session HTTP/1.1\r\nHost: pipeliner\r\n\r\n" * 500


def main() -> None:
    """Send until killed, or until the server closes the connection."""
    where = urlsplit(sys.argv[1])
    peer = socket.create_connection((where.hostname or "", where.port or 0), 30)
    threading.Thread(target=_read, args=(peer,), daemon=True).start()
    peer.sendall(_MANY)
    print("begun", flush=True)
    while True:
        peer.sendall(_MANY)


def _read(peer: socket.socket) -> None:
    while peer.recv(1 << 20):
        pass


main()
