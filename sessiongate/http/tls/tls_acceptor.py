"""What the TLS connections of one listener share until each has shaken hands."""

import ssl

from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.connection.edge import Edge


class TlsAcceptor:
    """The certificate, and who is in the middle of a handshake."""

    def __init__(self, edge: Edge, context: ssl.SSLContext) -> None:
        self.edge = edge
        self.context = context
        """For handshakes to come; may be replaced."""
        self.handshaking: set[AcceptedSocket] = set()

    def begin(self, address: str) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
        """TLS of one connection: what comes goes into the first BIO, what goes into the second."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context, arrivals = self.context, self.edge.arrivals
        if arrivals is not None:
            context = arrivals.context(address) or context
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        return tls, incoming, outgoing

    def give_up(self) -> None:
        """End the handshakes that are under way."""
        for accepted in tuple(self.handshaking):
            accepted.end()
