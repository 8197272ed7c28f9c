"""A server that does as a test says: a ZVM of a few lines, which counts what it is asked.

Plain HTTP over loopback, a thread for each connection. It is no mock of ours: what the real server
does is for `test_real_server`, and this one is for what no real one does when told to.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from uuid import uuid4

USER, PASSWORD = "ci", "correct horse"


class Asked(NamedTuple):
    """A request that came."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def what(self) -> str:
        return f"{self.verb} {self.path}"


class Reply(NamedTuple):
    """What is answered."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Scripted:
    """Its sessions, what it was asked, and what it answers out of turn."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.asked: list[Asked] = []
        self.refuses = False
        """Every login, from now on."""
        self.next: list[Reply] = []
        """What the next requests are answered with, in place of what they ask for."""
        self.answers: dict[str, Reply] = {}
        """What a verb and a path are always answered with."""
        self.before_login: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    @property
    def counts(self) -> Counter[str]:
        """How often each verb and path came."""
        with self._lock:
            return Counter(one.what for one in self.asked)

    @property
    def logins(self) -> int:
        return self.counts["POST /v1/session/add"]

    def expire(self) -> None:
        """End all sessions, as their idle limit does."""
        with self._lock:
            self.sessions.clear()

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if self.next:
                return self.next.pop(0)
        if asked.what in self.answers:
            return self.answers[asked.what]
        if asked.what == "POST /v1/session/add":
            return self._login()
        token = asked.headers.get("x-zerto-session", "")
        with self._lock:
            if token not in self.sessions:
                return Reply(401, {}, b'{"Message":"no session"}')
            if asked.what == "DELETE /v1/session":
                self.sessions.remove(token)
        return Reply(200, {"Content-Type": "application/json"}, b'"done"')

    def _login(self) -> Reply:
        self.before_login()
        if self.refuses:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="zvm"'})
        token = str(uuid4())
        with self._lock:
            self.sessions.add(token)
        return Reply(200, {"x-zerto-session": token})


@contextmanager
def scripted() -> Iterator[tuple[Scripted, str]]:
    """Such a server, and its address."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self._chunks() if "Transfer-Encoding" in self.headers else self._plain()
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = script.reply(Asked(self.command, self.path, headers, body))
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - as http.server asks

        def _plain(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _chunks(self) -> bytes:
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: Any) -> None:
            """A client that has left is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
