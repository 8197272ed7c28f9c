"""Room in memory for large replies that are read whole: so many bytes for all of one process.

Whoever finds none reads no more from the upstream until there is some. Who reads least has the
next of it, so that a user who asks for much delays another's reply by one of his, not by all.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable

MOST = 256 * 1024 * 1024
"""Bytes: eight replies of the largest size that is read whole (32 MiB)."""


class Claim:
    """What one reply has of it, or will have once `ready` is resolved. To be given back."""

    __slots__ = ("ready", "size", "user")

    def __init__(self, size: int, user: Hashable) -> None:
        self.size = size
        self.user = user
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class ReplyRoom:
    """So many bytes. One reply always has its room, however large it is."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._of: Counter[Hashable] = Counter()
        self._waiting: list[Claim] = []
        self.held = 0
        """Bytes that are given out."""

    @property
    def waiting(self) -> int:
        """How many replies wait for room."""
        return len(self._waiting)

    def claim(self, size: int, user: Hashable) -> Claim:
        """Room for one reply, behind those of users who have less."""
        claim = Claim(size, user)
        self._waiting.append(claim)
        self._serve()
        return claim

    def give_back(self, claim: Claim) -> None:
        """The reply is whole, or broken, or nobody waits for it any more. To be called once."""
        if claim in self._waiting:
            self._waiting.remove(claim)
        else:
            self.held -= claim.size
            self._of[claim.user] -= claim.size
            if not self._of[claim.user]:
                del self._of[claim.user]
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            first = min(self._waiting, key=lambda claim: self._of[claim.user])
            if self.held and self.held + first.size > self._most:
                return
            self._waiting.remove(first)
            self.held += first.size
            self._of[first.user] += first.size
            first.ready.set_result(None)
