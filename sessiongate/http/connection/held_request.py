"""What is held of one connection's requests, for the budget of strangers or of known callers."""

from sessiongate.http.bounds.admission import AcceptedSocket
from sessiongate.http.connection.edge import Edge
from sessiongate.http.framing import HEADER_COST, Head
from sessiongate.http.request_buffer import RequestBuffer

# Bytes of a request that are taken from everybody, even where the budget for callers that are not
# known is used up: an ordinary login is smaller.
SMALL = 4096

# A head that takes no more (`Head.takes`) is not counted: its connection takes several times as
# much.
SMALL_HEAD = 2048


class HeldRequest:
    """Counts for the budget that all connections share."""

    __slots__ = (
        "_accepted",
        "_buffer",
        "_edge",
        "_headers",
        "_weight",
        "body",
        "head",
        "recognised",
        "small",
    )

    def __init__(
        self, edge: Edge, accepted: AcceptedSocket, buffer: RequestBuffer, *, secure: bool
    ) -> None:
        self._edge = edge
        self._accepted = accepted
        self._buffer = buffer
        # What came in one piece stays in the buffers of TLS, too: 132 KB were measured for a body
        # of 65 KB. Without TLS it were 65.
        self._weight = 2 if secure else 1
        self.head = 0
        """Bytes of the head, from when it is read until the reply."""
        self._headers = 0
        """What its headers take besides."""
        self.body = 0
        """Bytes of the body that the handler has."""
        self.small = 0
        """What is counted of a small body that the handler has."""
        self.recognised = False
        """Whether the caller of the body on its way is known."""

    def begin(self, head: Head) -> None:
        """A head was read that is not small."""
        self.head = head.size
        self._headers = HEADER_COST * len(head.headers)

    def take_small(self, length: int) -> None:
        """The handler has a body that is taken from everybody."""
        self.small = self._weight * length
        self._edge.admission.bodies.small += self.small

    def end(self) -> None:
        """The request is answered, or given up."""
        if self.small:
            self._edge.admission.bodies.small -= self.small
        self.small = self.head = self._headers = self.body = 0
        self.recognised = False

    def count(self, *, unfinished: bool) -> int:
        """Count what is held. `unfinished`: it may be let go. Returns the bytes that were sent."""
        buffer = self._buffer
        sent = len(buffer.rest) + self.head + self.body
        if buffer.chunks is not None:
            sent += len(buffer.chunks.body)
        held = self._weight * sent + self._headers
        if held or self._accepted.held_in is not None:
            edge = self._edge
            edge.admission.count_held(
                self._accepted, held, edge.now(), unfinished=unfinished, known=self.recognised
            )
        return sent

    def is_too_much(self, *, unfinished: bool) -> bool:
        """Count, and say whether what has been added is more than there is room for."""
        accepted = self._accepted
        before, where = accepted.held, accepted.held_in
        sent = self.count(unfinished=unfinished)
        grown = accepted.held > before or accepted.held_in is not where
        return grown and sent > SMALL and not self._has_room()

    def fits(self, *, unfinished: bool) -> bool:
        """Count, and say whether there is room for it. Others may be let go in its favour."""
        self.count(unfinished=unfinished)
        return self._has_room()

    def release(self, *, handled: bool) -> None:
        """Hold nothing any more; `handled`: except what a task has."""
        if not handled and (self.small or self.head or self.body or self.recognised):
            self.end()
        self._buffer.clear()
        if handled or self._accepted.held_in is not None:
            self.count(unfinished=False)

    def _has_room(self) -> bool:
        return self._edge.admission.has_room(self._accepted, self._edge.now())
