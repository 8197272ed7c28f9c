"""A plain HTTP client that sends many requests at once and reads the replies in order.

For preparing a server (logins whose tokens are needed), and for so many requests and no more; what
else is measured is loaded by wrk.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from itertools import repeat
from urllib.parse import urlsplit

from tools.table import NotMeasured

# Requests on their way at once: few enough to fit the sockets' buffers.
_AHEAD = 32

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def send(url: str, request: bytes, times: int, *, within: float) -> Iterator[tuple[bytes, bytes]]:
    """Head and body of each reply to the same request; fewer of them when time is up."""
    return send_all(url, list(repeat(request, times)), within=within)


def send_all(
    url: str, requests: Sequence[bytes], *, within: float
) -> Iterator[tuple[bytes, bytes]]:
    """The same for requests that differ."""
    where = urlsplit(url)
    until = time.monotonic() + within
    with ExitStack() as opened:
        peer = opened.enter_context(
            socket.create_connection((where.hostname, where.port), timeout=30)
        )
        if where.scheme == "https":
            # Our own child on loopback: there is nobody to verify.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            peer = opened.enter_context(context.wrap_socket(peer))
        stream = peer.makefile("rb")
        for at in range(0, len(requests), _AHEAD):
            if time.monotonic() >= until:
                return
            some = requests[at : at + _AHEAD]
            peer.sendall(b"".join(some))
            for _ in some:
                yield _reply(stream)


@contextmanager
def clients(url: str, count: int = _AHEAD) -> Iterator[Callable[[Sequence[bytes]], None]]:
    """What sends each of some requests, over so many connections with one each on its way."""
    where = urlsplit(url)
    with ExitStack() as opened:
        peers = [
            opened.enter_context(socket.create_connection((where.hostname, where.port), timeout=30))
            for _ in range(count)
        ]
        streams = [peer.makefile("rb") for peer in peers]

        def ask(requests: Sequence[bytes]) -> None:
            for at in range(0, len(requests), count):
                some = requests[at : at + count]
                for peer, request in zip(peers, some, strict=False):
                    peer.sendall(request)
                for stream in streams[: len(some)]:
                    _reply(stream)

        yield ask


def latencies(url: str, request: bytes, seconds: float) -> list[float]:
    """Milliseconds of the same request over one connection, again and again for so long."""
    where = urlsplit(url)
    found = []
    with socket.create_connection((where.hostname, where.port), timeout=30) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = peer.makefile("rb")
        until = time.perf_counter() + seconds
        began = 0.0
        while began < until:
            began = time.perf_counter()
            peer.sendall(request)
            _reply(stream)
            found.append((time.perf_counter() - began) * 1e3)
    return found


def get(url: str, path: str, headers: dict[str, str], host: str = "") -> bytes:
    """The bytes of a GET request, at a Host of another name if one is given."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host or urlsplit(url).netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def post(url: str, path: str, headers: dict[str, str], body: bytes, host: str = "") -> bytes:
    """The bytes of a POST request, at a Host of another name if one is given."""
    host = host or urlsplit(url).netloc
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _reply(stream: BufferedReader) -> tuple[bytes, bytes]:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            raise NotMeasured("a server hung up")
        head += line
    length = _LENGTH.search(head)
    body = stream.read(int(length[1])) if length else b""
    if not head.startswith(b"HTTP/1.1 2"):
        raise NotMeasured(f"a server answered {head[:40]!r}")
    return head, body
