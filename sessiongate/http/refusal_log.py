"""What became no request: counted by its cause, and told to the log where that is asked for."""

from collections import Counter

import structlog


def note(refusals: Counter[str], cause: str, peer: str, **more: str) -> None:
    """Count a refusal, and have the log say whose it was: never what was sent.

    A line for each at the level of debug only, since strangers decide how many there are.
    """
    refusals[cause] += 1
    structlog.get_logger("sessiongate").debug("request refused", cause=cause, peer=peer, **more)
