"""What an operator has said of the sessions at an upstream."""

from enum import Enum


class Standing(Enum):
    """What an operator has said of a pool."""

    OPEN = "open"
    PAUSED = "paused"
    """Nothing new is sent: calls wait. Those under way go on."""
    DRAINING = "draining"
    """No lease takes a client that has nothing in it, and none is opened."""
