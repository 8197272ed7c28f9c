"""What is held of one connection's requests: counted as long as its caller is not known."""

from sessiongate.http.admission import AcceptedSocket
from sessiongate.http.edge import Edge
from sessiongate.http.intake import Intake

# Bytes of a request that are taken from everybody, even where the budget for callers that are not
# known is used up: an ordinary login is smaller.
SMALL = 4096


class HeldRequest:
    """Counts for the budget that all connections share."""

    __slots__ = ("_accepted", "_edge", "_intake", "_weight", "body", "recognised")

    def __init__(
        self, edge: Edge, accepted: AcceptedSocket, intake: Intake, *, secure: bool
    ) -> None:
        self._edge = edge
        self._accepted = accepted
        self._intake = intake
        # What came in one piece stays in the buffers of TLS, too: 132 KB were measured for a body
        # of 65 KB. Without TLS it were 65.
        self._weight = 2 if secure else 1
        self.body = 0
        """Bytes of the body that the handler has."""
        self.recognised = False
        """Whether the caller of the body on its way is known."""

    def count(self, *, unfinished: bool) -> int:
        """Count what is held. `unfinished`: it may be let go. Returns the bytes that were sent."""
        held = 0
        if not self.recognised:
            intake = self._intake
            held = len(intake.rest) + self.body
            if intake.chunks is not None:
                held += len(intake.chunks.body)
        edge = self._edge
        edge.admission.holds(self._accepted, self._weight * held, edge.now(), unfinished=unfinished)
        return held

    def is_too_much(self, *, unfinished: bool) -> bool:
        """Count, and say whether what has been added is more than there is room for."""
        before = self._accepted.held
        held = self.count(unfinished=unfinished)
        return self._accepted.held > before and held > SMALL and not self._has_room()

    def fits(self, *, unfinished: bool) -> bool:
        """Count, and say whether there is room for it. Others may be let go in its favour."""
        self.count(unfinished=unfinished)
        return self._has_room()

    def let_go(self) -> None:
        """Hold nothing any more, except what the handler has."""
        self._intake.clear()
        self.count(unfinished=False)

    def _has_room(self) -> bool:
        return self._edge.admission.has_room(self._accepted, self._edge.now())
