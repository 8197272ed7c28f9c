"""Requests and replies as plain values: what a handler sees of HTTP, and all that it may say."""

from collections.abc import Awaitable, Callable

import msgspec


def _stays(tell: Callable[[], None]) -> None:
    """For a request that nobody can leave, since it came by no connection."""


class Request(msgspec.Struct, gc=False):
    """One request, read once and completely, within limits.

    `path` and `query` are the raw bytes of the request line as ASCII text, percent-escapes and
    all, split at the first `?`. Header names are lower case; values are Latin-1 text.
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    peer: str
    """The peer's IP address, or the path of the Unix socket it came by."""
    secure: bool
    """True when the client spoke TLS: to us, or to a trusted proxy that says so."""
    certificate: bytes | None = None
    """The client's certificate (DER), where it showed one and the TLS in front could check it."""
    user: int | None = None
    """Who is at the other end of a Unix socket, as the kernel knows it; None where it cannot."""
    proxied: bool = False
    """True when a trusted proxy has passed it on: `peer` is whom the proxy names, or the proxy."""
    vouched: bool = False
    """Set once it is found to name a live session: its connection is no stranger's."""
    when_gone: Callable[[Callable[[], None]], None] = _stays
    """Has a function called once if the client leaves before the reply, or has left already."""

    def header(self, name: str) -> str | None:
        """The first value of this header (name in lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Every value of this header, in order (name in lower case)."""
        return [value for key, value in self.headers if key == name]

    def credential(self) -> str | None:
        """The Authorization header. Two that differ are none, as nobody can say whose they are."""
        values = set(self.all("authorization"))
        return values.pop() if len(values) == 1 else None


class Reply(msgspec.Struct, gc=False):
    """One reply. The server adds Content-Length, Date and the connection headers."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    close: bool = False
    """Close the connection after this reply."""
    undelivered: Callable[[], None] | None = None
    """Called once if the peer has gone before the reply. Set where the reply lets somebody in who
    cannot be let in again by it; the connection of such a reply is no stranger's."""
    shared: bool = False
    """Whether the body is held once for everybody, such as a file's."""


Handler = Callable[[Request], Awaitable[Reply]]
