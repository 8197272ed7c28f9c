"""An application behind a proxy: it answers everything, and keeps what it was asked."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.peers.ports import free_port
from tests.until import PATIENCE


@dataclass(frozen=True)
class Received:
    """One request as the application saw it. Names of headers are as they came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header, however its name is spelled: as CGI and WSGI make them one.

        Some servers fold every sign to the same one, and not `-` alone (lighttpd, older Apache).
        """
        wanted = _folded(name)
        return [value for key, value in self.headers if _folded(key) == wanted]


def _folded(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def handle_one_request(self) -> None:
        """As its base does, for every method there is."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        self.server.answer(self, body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as its base has it
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    status = 200
    sends: tuple[tuple[str, str], ...] = ()

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.received: list[Received] = []
        self.opened = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.opened += 1
        super().process_request(request, client_address)

    def answer(self, handler: _Handler, body: bytes) -> None:
        headers = tuple(handler.headers.items())
        self.received.append(Received(handler.command, handler.path, headers, body))
        text = b"the application" if self.status == 200 else b""
        handler.send_response(self.status)
        for name, value in self.sends:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(text)


class Application:
    """One on a loopback port. Use it as a context manager.

    With another `status` it plays an auth server that gives such an answer.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._server = _Server(self.port)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def answers(self, status: int, *headers: tuple[str, str]) -> None:
        """Answer everything so from now on."""
        self._server.status, self._server.sends = status, headers

    def taken(self) -> list[Received]:
        """What has come since this was asked last."""
        came, self._server.received = self._server.received, []
        return came
