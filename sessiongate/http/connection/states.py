"""Where an HTTP connection stands, and which moves there are: one table.

Everything else that a connection remembers is about what it does where it stands: whether the peer
reads, whether it has left, how long the next step may take.
"""

from collections.abc import Mapping
from enum import Enum


class At(Enum):
    """Where a connection stands."""

    HEAD = "head"
    """Waiting for a head or in the middle of one. Every connection starts here."""
    IDLE = "idle"
    """A reply was written and no byte of a next request has come."""
    BODY = "body"
    """A head has come whole, and its body has not."""
    ASKING = "asking"
    """In the middle of a body; whether its caller is known is being found out."""
    STREAM = "stream"
    """The handler has the head, and is handed its body as it comes."""
    BUSY = "busy"
    """The handler has it."""
    DONE = "done"
    """No further byte is looked at."""


MOVES: Mapping[tuple[At, At], str] = {
    (At.HEAD, At.BODY): "a head with a body to come",
    (At.HEAD, At.STREAM): "a head whose body is handed on as it comes",
    (At.HEAD, At.BUSY): "a whole request",
    (At.IDLE, At.HEAD): "the first bytes of a next request",
    (At.IDLE, At.BODY): "a next head at once, with a body to come",
    (At.IDLE, At.STREAM): "a next head at once, whose body is handed on",
    (At.IDLE, At.BUSY): "a next request at once",
    (At.BODY, At.BUSY): "the rest of the body",
    (At.BODY, At.ASKING): "more than a stranger may send, or than is left for strangers",
    (At.ASKING, At.BODY): "the caller is known: it may send on",
    (At.STREAM, At.BUSY): "the rest of the body, or a reply before it",
    (At.BUSY, At.IDLE): "the reply is written, or its first piece",
    (At.HEAD, At.DONE): "refused, late, retired, or gone",
    (At.IDLE, At.DONE): "closed after the reply, late, retired, or gone",
    (At.BODY, At.DONE): "refused, late, or gone",
    (At.ASKING, At.DONE): "the caller is not known, or is gone",
    (At.STREAM, At.DONE): "refused, late, or gone",
    (At.BUSY, At.DONE): "the peer is gone, or nobody waits for the handler any more",
}
"""Every move, and what makes it. None leads out of DONE."""
