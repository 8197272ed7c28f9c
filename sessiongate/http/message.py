"""Requests and replies as plain values: what a handler sees of HTTP, and all that it may say.

A large body is no value: it is handed on in pieces, of a request (`Upload`) where its route says
so, and of a reply (`Download`) where the handler does.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

import msgspec


def _never_leaves(tell: Callable[[], None]) -> None:
    """For a request that nobody can leave, since it came by no connection."""


class Upload(Protocol):
    """The body of a request, on its way."""

    @property
    def length(self) -> int | None:
        """Bytes that were announced; None where it comes in chunks."""
        ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body, read no faster than it is taken: nothing is before this is asked for.

        Raises Malformed where it stops before its end.
        """
        ...


class Download(Protocol):
    """The body of a reply, on its way."""

    @property
    def length(self) -> int | None:
        """How many bytes it has; None where nobody knows yet."""
        ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body, asked for no faster than the peer reads.

        Whatever it raises ends the connection, so that nobody takes a part for the whole.
        """
        ...

    def close(self) -> None:
        """Take no more of it. Called once, however it went, also where nothing was taken."""
        ...


class Hop(msgspec.Struct, frozen=True, gc=False):
    """A trusted proxy that has passed a request on."""

    address: str
    """Its own, or the path of the Unix socket it came by."""
    host: str
    """The Host that it sent, whatever X-Forwarded-Host says besides."""


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
    hop: Hop | None = None
    """That proxy, where there is one."""
    vouched: bool = False
    """Set once it is found to name a live session: its connection is no stranger's."""
    upstream: str = ""
    """Which of the servers behind us its Host means; "" for none, which is us alone."""
    when_gone: Callable[[Callable[[], None]], None] = _never_leaves
    """Has a function called once if the client leaves before the reply, or has left already."""

    upload: Upload | None = None
    """The body, where it is handed on as it comes; `body` is empty then."""

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


class CutOff(msgspec.Struct, frozen=True):
    """How a reply breaks off in place of reaching its peer, and the connection with it."""

    body_bytes: int | None = None
    """So many bytes of the body follow the head. None: there is no head either."""
    reset: bool = False
    """Whether the connection ends by a reset."""
    garbage: bool = False
    """Whether the body is announced in chunks, and what follows those bytes is none."""


class FixedHeaders(tuple[tuple[str, str], ...]):
    """Headers that many replies share: looked at and written once. Never any with a secret."""

    written = ""
    """As they are sent, once `framing` has looked at them."""


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
    download: Download | None = None
    """The body, where it comes in pieces; `body` is empty then."""
    cut: CutOff | None = None
    """Where it is to break off. Only for tests of clients."""
    date: str = ""
    """The Date that it has in place of the server's. Only for tests of clients."""


Handler = Callable[[Request], Awaitable[Reply]]
"""What answers requests. One that can do so without waiting may have `answer_nowait` besides."""

NoWait = Callable[[Request], Reply | None]
"""The reply to a request that can be answered without waiting, whole: nothing of it is cut off,
comes in pieces or wants to know whether it was delivered. It writes no line to the log but of stray
hosts, as there is no request id for it. None where the handler is to be called: then nothing has
been done yet."""


def nowait_of(handler: Handler) -> NoWait | None:
    """How this handler answers without waiting, None where it never does."""
    found: NoWait | None = getattr(handler, "answer_nowait", None)
    return found


Streams = Callable[[str, str], bool] | None
"""Whether the body of this method and path is handed on as it comes. None: of none."""
