"""Bodies of a hundred megabytes, each way, and readers who stop reading."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from tools.children import Child
from tools.table import NotMeasured

_PIECE = bytes(256 * 1024)
_PATIENCE = 60.0


def download(url: str, path: str, headers: dict[str, str]) -> int:
    """Read a body to its end. How many bytes it has."""
    with _connected(url) as peer:
        peer.sendall(_head("GET", url, path, headers))
        left = total = _length(_until_body(peer, 200))
        room = memoryview(bytearray(len(_PIECE)))
        while left:
            got = peer.recv_into(room[: min(left, len(room))])
            if not got:
                raise NotMeasured("a download broke off")
            left -= got
    return total


def upload(url: str, path: str, headers: dict[str, str], size: int) -> None:
    """Send a body of so many bytes, and wait until it has been taken."""
    with _connected(url) as peer:
        peer.sendall(_head("PUT", url, path, {**headers, "Content-Length": str(size)}))
        for _ in range(size // len(_PIECE)):
            peer.sendall(_PIECE)
        peer.sendall(_PIECE[: size % len(_PIECE)])
        _until_body(peer, 201, 204)


def held_for(server: Child, path: str, headers: dict[str, str], readers: int) -> float:
    """Bytes of memory that a server holds for each reader who reads a head and nothing else."""
    before = server.rss
    with ExitStack() as opened:
        for _ in range(readers):
            peer = opened.enter_context(_connected(server.url))
            peer.sendall(_head("GET", server.url, path, headers))
            _until_body(peer, 200)
        return (_settled(server) - before) / readers


def _settled(server: Child) -> int:
    """The most that it has until nothing has been added for a second."""
    most, since = server.rss, time.monotonic()
    until = since + _PATIENCE
    while time.monotonic() < min(since + 1, until):
        time.sleep(0.05)
        if server.rss > most:
            most, since = server.rss, time.monotonic()
    return most


@contextmanager
def _connected(url: str) -> Iterator[ssl.SSLSocket]:
    where = urlsplit(url)
    # Our own child on loopback: there is nobody to verify.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((where.hostname, where.port), timeout=_PATIENCE) as peer,
        context.wrap_socket(peer) as secure,
    ):
        yield secure


def _head(verb: str, url: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{verb} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _until_body(peer: ssl.SSLSocket, *good: int) -> bytes:
    """The head of a reply, byte by byte so that nothing of the body is lost."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        one = peer.recv(1)
        if not one:
            raise NotMeasured("a server hung up")
        head += one
    if int(head[9:12]) not in good:
        raise NotMeasured(f"a server answered {head[:40]!r}")
    return head


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise NotMeasured("a reply did not say its length")
