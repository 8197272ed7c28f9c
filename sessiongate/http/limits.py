"""How much a peer may send, how long it may take, and how many of them there may be."""

from datetime import timedelta

import msgspec


class HttpLimits(msgspec.Struct, frozen=True):
    """The limits of the edge. What stands here by default is what the settings have by default."""

    body: int = 1024 * 1024
    header_bytes: int = 64 * 1024
    """Request line and all headers; trailers too."""
    header_count: int = 100
    header_timeout: timedelta = timedelta(seconds=10)
    """From the first byte of a request (or the start of the connection) to the end of its head."""
    body_timeout: timedelta = timedelta(seconds=30)
    """For the whole body; for each piece, where it is handed on as it comes."""
    keep_alive: timedelta = timedelta(seconds=75)
    """How long a connection may idle, and how long a peer may leave our reply unread."""
    connections: int = 20000
    """One more is refused and closed. Counted from `accept` on, TLS handshakes included."""
    handshakes: int = 1000
    """TLS handshakes under way at once."""
    connections_per_address: int = 0
    """Of one address at once; 0 for no such limit."""
    anonymous_body: int = 64 * 1024
    """Largest body of a request that names no live session."""
    anonymous_total: int = 256 * 1024 * 1024
    """Bytes of requests held for callers that are not known, in all connections together.

    So much again of replies that they do not read.
    """
