"""What HTTP says beside a refusal in any dialect: which verbs there are, when to come back.

The dialects choose status and body; a header that means the same to every client is chosen here.
"""

from sessiongate import errors

# A place becomes free when somebody's session ends. Often enough for a waiting client, and seldom
# enough that those who wait are no load.
CAP_RETRY = 30


def extra_headers(error: errors.SessionGateError | None) -> list[tuple[str, str]]:
    """Headers for this error besides the dialect's own; None stands for one unforeseen."""
    if isinstance(error, errors.WrongVerb):
        return [("allow", ", ".join(error.allowed))]
    if isinstance(error, errors.EncodedBody):
        return [("accept-encoding", "identity")]
    if isinstance(error, errors.OutcomeUnknown):
        return []  # to come back would perhaps do it twice
    if isinstance(error, errors.Unavailable):
        return [("retry-after", str(error.retry_after))]
    if isinstance(error, errors.CapReached):
        return [("retry-after", str(CAP_RETRY))]
    return []
