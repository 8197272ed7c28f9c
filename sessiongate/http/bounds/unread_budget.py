"""Replies that callers who are not known do not read: what is held of them, and who goes first.

Whoever has not read for longest makes room, if for longer than anybody needs. The connections are
closed by the `Admission`, which knows the bound.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from sessiongate.http.bounds.idle_sockets import PATIENCE

# Bytes a second that a peer reads who counts as reading: less than any network that people work
# with. Without a least, one byte a second would keep what is held for it.
READ_A_SECOND = 4096


class Addressee(Protocol):
    """A connection, as the budget sees it."""

    unread: int
    """Bytes that count for it here."""
    stuck: float
    """Since when it has not read: when that was last looked at."""
    unread_before: int
    """Bytes that it had to read then."""
    count_unread: Callable[[], int]
    """Says how many bytes it has to read."""


One = TypeVar("One", bound=Addressee)


class UnreadBudget(Generic[One]):
    """Counts what is held, and knows who has not read for longest."""

    def __init__(self) -> None:
        self.held = 0
        """Bytes of replies that callers who are not known do not read."""
        self._stuck: dict[One, None] = {}
        """Who leaves replies unread, the longest first."""

    def add(self, accepted: One, count: int, now: float) -> None:
        """It does not read, and so much is held for it: `remove` takes it back."""
        accepted.unread, accepted.stuck, accepted.unread_before = (
            count,
            now,
            accepted.count_unread(),
        )
        self.held += count
        self._stuck[accepted] = None

    def remove(self, accepted: One) -> None:
        """It has read, or is gone."""
        if accepted.unread:
            self.held -= accepted.unread
            accepted.unread = 0
            del self._stuck[accepted]

    def longest(self, now: float) -> One | None:
        """Who has not read for longest, if for longer than anybody needs.

        Whoever has read `READ_A_SECOND` a second since that was last looked at is dated anew.
        """
        while self._stuck:
            oldest = next(iter(self._stuck))
            waited = now - oldest.stuck
            if waited < PATIENCE:
                return None
            unread_before = oldest.count_unread()
            if oldest.unread_before - unread_before < READ_A_SECOND * waited:
                return oldest
            oldest.stuck, oldest.unread_before = now, unread_before
            del self._stuck[oldest]
            self._stuck[oldest] = None
        return None
