"""How often one request may be sent again, and a header that two share."""

from __future__ import annotations

from typing import Callable, Optional

MOST_REPEATS = 3
"""How often a 503 that says when to come again is heeded."""

LONGEST_WAIT = 60.0
"""Seconds: whoever is told to come again later than that is told so."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Verbs that change nothing, and so may be repeated after any answer."""


def seconds_of(retry_after: str) -> Optional[float]:
    """The seconds that a Retry-After header asks for; None for none, and for a date."""
    return float(retry_after) if retry_after.strip().isdecimal() else None


class Repeats:
    """Counts for one request: once after a dead session, three times after a 503 that says when."""

    def __init__(self, wait: Callable[[float], None]) -> None:
        self._wait = wait
        self._once = False
        self._left = MOST_REPEATS

    def once(self) -> bool:
        """Whether the one repetition after a dead session is still to be had; it is taken."""
        taken, self._once = self._once, True
        return not taken

    def pause(self, status: int, verb: str, retry_after: str) -> Optional[float]:
        """The seconds after which to send a request again that was answered so; None for never."""
        after = seconds_of(retry_after)
        if status != 503 or verb.upper() not in SAFE or after is None or after > LONGEST_WAIT:
            return None
        if not self._left:
            return None
        self._left -= 1
        return after

    def after_503(self, status: int, verb: str, retry_after: str) -> bool:
        """Whether to send it again; has waited then."""
        after = self.pause(status, verb, retry_after)
        if after is None:
            return False
        self._wait(after)
        return True


def merge_cookie(others: str, ours: str) -> str:
    """A Cookie header that has the caller's cookies, but for one of our name, and ours."""
    name = ours.partition("=")[0]
    kept = [one for one in others.split("; ") if one and one.partition("=")[0] != name]
    return "; ".join([*kept, ours])
