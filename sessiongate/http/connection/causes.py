"""What never becomes a request: by which causes, and what the peer is told."""

import msgspec

from sessiongate.http.bounds import admission as crowds
from sessiongate.http.framing import Flaw
from sessiongate.http.message import Reply

_JSON = (("Content-Type", "application/json"),)


def _words(status: int, text: str) -> Reply:
    body = msgspec.json.encode({"Message": text})
    return Reply(status, _JSON, body, close=True)


# Generic on purpose: nothing of the request comes back.
REFUSAL_REPLIES = {
    400: _words(400, "The request cannot be read."),
    408: _words(408, "The request took too long."),
    413: _words(413, "The request body is too large."),
    431: _words(431, "The request headers are too large."),
    500: _words(500, "An internal error occurred."),
    503: _words(503, "The server is busy."),
}

ANONYMOUS_BODY = "anonymous_body_too_large"
NO_BUDGET = "anonymous_total_used_up"
UNDECIDED = "caller_undecided"
HANDSHAKE_FAILED = "handshake_failed"
USELESS_RECORDS = "useless_records"
PEER_LEFT = "peer_left"
"""Closed as it was accepted, since its peer had left."""

CAUSES = {
    **{f"malformed_{flaw}": 400 for flaw in Flaw},
    "slow": 408,
    "body_too_large": 413,
    ANONYMOUS_BODY: 413,
    "head_too_large": 431,
    NO_BUDGET: 503,
    UNDECIDED: 503,
    crowds.TOO_MANY: 503,
    crowds.TOO_MANY_OF_ADDRESS: 503,
    # Without a word: nobody would understand it before the end of the handshake, or who does not
    # want to hear any.
    crowds.TOO_MANY_HANDSHAKES: 503,
    crowds.MADE_ROOM: 503,
    crowds.UNREAD: 503,
    HANDSHAKE_FAILED: 503,
    USELESS_RECORDS: 503,
    PEER_LEFT: 503,
}
"""What metrics call what never became a request, and the status that it gets."""
