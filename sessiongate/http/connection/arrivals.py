"""Who decides of connections before they say anything: only in tests of clients is there one."""

import ssl
from typing import Protocol

from sessiongate.http.message import CutOff


class Arrivals(Protocol):
    """Decides of new connections by their address."""

    def turned_away(self, address: str) -> CutOff | None:
        """How a new connection ends at once, unread and before TLS. None: it does not."""
        ...

    def context(self, address: str) -> ssl.SSLContext | None:
        """The TLS of one handshake, where it is another than its listener's."""
        ...
