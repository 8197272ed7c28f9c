"""Who is at the other end of a connection, as far as its socket and TLS can say."""

import asyncio

from sessiongate.http.framing import Head
from sessiongate.http.local import user_of
from sessiongate.http.message import Request


class Peer:
    """One peer. It is the same for each request of its connection."""

    __slots__ = ("address", "certificate", "secure", "user")

    def __init__(
        self, transport: asyncio.BaseTransport, address: str, unix_path: str | None
    ) -> None:
        """`unix_path`: of the socket it came by, which stands for the address there."""
        self.address = address or unix_path or ""
        tls = transport.get_extra_info("ssl_object")
        self.secure = tls is not None
        self.certificate: bytes | None = None if tls is None else tls.getpeercert(binary_form=True)
        self.user: int | None = None
        if unix_path is not None:  # a socket is made to be asked, which is dear
            self.user = user_of(transport.get_extra_info("socket"))

    def request(self, head: Head, body: bytes) -> Request:
        """A request of this peer's."""
        return Request(
            head.method,
            head.path,
            head.query,
            head.headers,
            body,
            self.address,
            self.secure,
            self.certificate,
            self.user,
        )


def address_at(transport: asyncio.BaseTransport) -> str:
    """The address of the other end. Empty on a Unix socket, whose clients have none."""
    address = transport.get_extra_info("peername")
    return plain_address(address[0]) if isinstance(address, tuple) else ""


def plain_address(host: str) -> str:
    """The address without its zone, and IPv4 as IPv4 even on a socket that serves both."""
    if ":" not in host:
        return host
    address = host.partition("%")[0]
    # The kernel writes mapped addresses in this form only.
    if address.startswith("::ffff:") and "." in address:
        return address[7:]
    return address
