"""What the TLS connections of one listener share until each has shaken hands."""

import ssl
from collections.abc import Callable

from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.connection.edge import Edge

# How long a handshake may take, in seconds.
HANDSHAKE = 10.0


class TlsAcceptor:
    """The certificate, and who is in the middle of a handshake."""

    def __init__(self, edge: Edge, context: ssl.SSLContext) -> None:
        self.edge = edge
        self.context = context
        """For handshakes to come; may be replaced."""
        self.handshaking: dict[AcceptedSocket, Callable[[], None]] = {}
        """Those, and what ends each that is late. The oldest first."""

    def begin(self, address: str) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
        """TLS of one connection: what comes goes into the first BIO, what goes into the second."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context, arrivals = self.context, self.edge.arrivals
        if arrivals is not None:
            context = arrivals.context(address) or context
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        return tls, incoming, outgoing

    def sweep(self, within: float) -> None:
        """End the handshakes that would be late before the next look, which is within so long.

        There is no timer for each: to set one and to take it back takes as long as accepting.
        """
        began = self.edge.now() + within - HANDSHAKE
        late = [end for accepted, end in self.handshaking.items() if accepted.since <= began]
        for end in late:
            end()

    def give_up(self) -> None:
        """End the handshakes that are under way."""
        for accepted in tuple(self.handshaking):
            accepted.end()
