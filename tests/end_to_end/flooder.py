"""A peer that sends requests without end on one connection, and reads what it gets.

Run as `python -m tests.end_to_end.flooder PORT SECONDS [CA]`, with TLS where a CA is named. Says on
standard output when it has begun.
"""

import contextlib
import socket
import ssl
import sys
import threading
import time

REQUEST = b"GET /nothing-is-here HTTP/1.1\r\nHost: x\r\n\r\n"


def flood(port: int, seconds: float, ca: str | None) -> None:
    line = socket.create_connection(("127.0.0.1", port), 10)
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


if __name__ == "__main__":
    flood(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
