"""An HTTP proxy for CONNECT, in a thread of its own: it writes down what goes through it."""

import socket
import socketserver
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Self, cast

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy:
    """A context manager. `names` are the addresses it knows, as clients write them; else theirs.

    With an `answer` it says that to everybody, and connects nobody.
    """

    def __init__(
        self, names: Mapping[str, tuple[str, int]] | None = None, answer: bytes = b""
    ) -> None:
        self.names = dict(names or {})
        self.answer = answer
        self.asked: list[str] = []
        """The request lines."""
        self.heads: list[bytes] = []
        self.passed = bytearray()
        """What clients have sent through it."""
        self.ended = threading.Event()
        """Set once a client has gone that was connected to nobody."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, client: socket.socket) -> None:
        head = _head_from(client)
        if not head:
            return
        line = head.partition(b"\r\n")[0].decode()
        self.asked.append(line)
        self.heads.append(head)
        if self.answer:
            with suppress(OSError):
                client.sendall(self.answer)
                while client.recv(4096):
                    pass
            self.ended.set()
            return
        where = line.split(" ")[1]
        host, _, port = where.rpartition(":")
        address = self.names.get(where, (host.strip("[]"), int(port)))
        with socket.create_connection(address) as server:
            client.sendall(_ESTABLISHED)
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server, self.passed)
            back.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    proxy: ConnectProxy


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):  # either side has gone
            cast("_Server", self.server).proxy.serve(self.request)


def _head_from(client: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        some = client.recv(1)
        if not some:
            return b""
        head += some
    return head


def _pass_on(source: socket.socket, target: socket.socket, seen: bytearray | None = None) -> None:
    with suppress(OSError):
        while some := source.recv(65536):
            if seen is not None:
                seen += some
            target.sendall(some)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
