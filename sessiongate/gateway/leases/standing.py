"""What an operator has said of the sessions at an upstream, and what clients are told then."""

from enum import Enum

from sessiongate.errors import Overloaded, UpstreamUnavailable


class Standing(Enum):
    """What an operator has said of a pool: its administrative state, as `pools show` names it."""

    OPEN = "open"
    PAUSED = "paused"
    """Nothing new is sent: calls wait. Those under way go on."""
    DRAINING = "draining"
    """No lease takes a client that has nothing in it, and none is opened."""

    def refusal(self, why_open: str = "no session at the upstream was free in time") -> Overloaded:
        """What those are told who would need a session of it, and when to come back. `why_open`
        is why where it was no operator.
        """
        why, seconds = _REFUSALS[self]
        return Overloaded(why or why_open, retry_after=seconds)


_REFUSALS = {
    Standing.OPEN: ("", Overloaded.retry_after),
    # A pause is short, such as for a restart there. Whoever comes back waits in the queue first.
    Standing.PAUSED: ("an operator has paused what goes to the upstream", 15),
    Standing.DRAINING: ("an operator has closed the upstream to new calls", 60),
}


def stopping() -> UpstreamUnavailable:
    """What those are told who would need a session while the server stops."""
    why = "the gateway stops"
    return UpstreamUnavailable(why, says=why)
