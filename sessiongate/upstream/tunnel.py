"""A connection through an HTTP proxy, by CONNECT: the proxy hears host and port, and no more."""

import asyncio
import re
import socket
from urllib.parse import urlsplit

from sessiongate.errors import UpstreamUnavailable

LARGEST_ANSWER = 16 * 1024
"""Bytes of the head with which a proxy answers."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r\n")


async def tunnel(proxy: str, host: str, port: int) -> socket.socket:
    """A connection to this host and port, on which nothing has been sent yet.

    `proxy` is `http://host[:port]`. Raises UpstreamUnavailable, whose sentence has nothing of the
    answer but its status. How long it may take is the caller's to say.
    """
    loop = asyncio.get_running_loop()
    opened = await _connect(proxy)
    try:
        where = _authority(host, port)
        request = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n"
        await loop.sock_sendall(opened, request.encode("ascii"))
        _judge(await _head(opened))
    except OSError:
        opened.close()
        raise UpstreamUnavailable("the connection to the proxy broke") from None
    except BaseException:
        opened.close()
        raise
    return opened


async def _connect(proxy: str) -> socket.socket:
    loop, parts = asyncio.get_running_loop(), urlsplit(proxy)
    try:
        found = await loop.getaddrinfo(
            parts.hostname, parts.port or 80, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except OSError:
        found = []
    for family, kind, protocol, _, address in found:
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        try:
            await loop.sock_connect(opened, address)
        except OSError:
            opened.close()
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise UpstreamUnavailable("no connection to the proxy")


def _authority(host: str, port: int) -> str:
    if ":" in host:
        return f"[{host}]:{port}"
    try:
        return f"{host.encode('idna').decode('ascii')}:{port}"
    except UnicodeError:
        raise UpstreamUnavailable("its name is none that a proxy can look up") from None


async def _head(opened: socket.socket) -> bytes:
    """The answer, up to its empty line or some bytes past it."""
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head:
        if len(head) >= LARGEST_ANSWER:
            raise UpstreamUnavailable("the answer of the proxy is too long")
        some = await loop.sock_recv(opened, 4096)
        if not some:
            raise UpstreamUnavailable("the proxy has closed the connection")
        head += some
    return head


def _judge(head: bytes) -> None:
    """Raise UpstreamUnavailable unless it says that the connection is there."""
    line = _STATUS_LINE.match(head)
    if line is None:
        raise UpstreamUnavailable("the answer of the proxy cannot be read")
    if not line[1].startswith(b"2"):
        raise UpstreamUnavailable(f"the proxy refuses: status {int(line[1])}")
    if not head.endswith(b"\r\n\r\n") or head.count(b"\r\n\r\n") > 1:
        # The upstream says nothing before it is spoken to.
        raise UpstreamUnavailable("the proxy has sent more than its answer")
