"""What is held of requests whose callers are not known: one budget, divided by address.

One address holds a share at most. Where the budget is used up, the address that holds most makes
room for those that hold less: the oldest of its unfinished requests is let go. So one address does
not keep out another, however many connections it opens.
"""

import math
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from sessiongate.http.framing import HEADER_COST
from sessiongate.http.limits import HttpLimits

# What one address may hold of the whole.
_PART = 4

# How many addresses of about the same size are compared to find the one that holds most.
_COMPARED = 32

# An unfinished request may be let go in favour of the same address after so many seconds.
_OLD = 1.0


def share_of(limits: HttpLimits) -> int:
    """Bytes that one address may hold: enough for the largest request, which counts twice in TLS.

    >>> share_of(HttpLimits(anonymous_total=256 << 20)) >> 20
    64
    """
    largest = 2 * (limits.body + limits.header_bytes) + HEADER_COST * limits.header_count
    return min(limits.anonymous_total, max(limits.anonymous_total // _PART, largest))


class Holder(Protocol):
    """A connection, as the budget sees it."""

    place: str
    """What stands for its address."""
    held: int
    share: "Share | None"
    leaving: bool
    shed: Callable[[], None]
    """Lets go of what is held for it."""


class Share:
    """What one address holds."""

    __slots__ = ("held", "key", "leaving", "rank", "unfinished")

    def __init__(self, key: object) -> None:
        self.key = key
        self.held = 0
        self.leaving = 0
        """Bytes of it whose requests are being let go."""
        self.unfinished: dict[Holder, float] = {}
        """Requests still on their way, and when each began; the oldest first."""
        self.rank = 0
        """Bits of `held`, or 0 while nothing of it can be let go."""


class BodyBudget:
    """Counts what is held, and chooses what is let go."""

    def __init__(self) -> None:
        self.held = 0
        """Bytes of requests of callers that are not known."""
        self.small = 0
        """Bytes of small requests besides, which handlers have. No room is asked for them and none
        is let go, so that no share is kept of them, which each request would pay for."""
        self._leaving = 0
        self._shares: dict[object, Share] = {}
        self._ranks: list[dict[Share, None]] = [{} for _ in range(64)]

    def count(
        self, accepted: Holder, held: int, now: float, *, unfinished: bool, alone: bool
    ) -> None:
        """So many bytes are held for this socket; if `unfinished`, they may be let go.

        `alone`: it is counted by itself, not with its address.
        """
        share = accepted.share
        if share is None:
            if not held:
                return
            key = accepted if alone else accepted.place
            share = accepted.share = self._shares.setdefault(key, Share(key))
        grown = held - accepted.held
        accepted.held = held
        self.held += grown
        share.held += grown
        if accepted.leaving:
            self._leaving += grown
            share.leaving += grown
        if held and unfinished and not accepted.leaving:
            share.unfinished.setdefault(accepted, now)
        else:
            share.unfinished.pop(accepted, None)
        self._rank(share)
        if not held:
            accepted.share = None
            accepted.leaving = False
            if not share.held:
                del self._shares[share.key]

    def has_room(self, accepted: Holder, limits: HttpLimits, now: float) -> bool:
        """Whether what is held for this socket may stay. Others may be let go in its favour.

        Those are of addresses that hold more, or have been unfinished at its own for a second.
        """
        own = accepted.share
        if own is None:
            return True
        most = share_of(limits)
        while own.held - own.leaving > most:
            if not self._evict(own, accepted, now - _OLD):
                return False
        while self.held + self.small - self._leaving > limits.anonymous_total:
            heaviest = self._heaviest()
            if heaviest is not None and heaviest.held > own.held:
                self._evict(heaviest, accepted, math.inf)
            elif not self._evict(own, accepted, now - _OLD):
                return False
        return True

    def _evict(self, share: Share, favoured: Holder, began_by: float) -> bool:
        """Whether the oldest unfinished request of it began by then, and is let go."""
        for accepted, began in share.unfinished.items():
            if accepted is favoured:
                continue
            if began > began_by:
                return False
            del share.unfinished[accepted]
            accepted.leaving = True
            self._leaving += accepted.held
            share.leaving += accepted.held
            self._rank(share)
            accepted.shed()
            return True
        return False

    def _heaviest(self) -> Share | None:
        """An address that holds about as much as any whose requests can be let go."""
        for rank in reversed(self._ranks):
            if rank:
                return max(islice(rank, _COMPARED), key=lambda one: one.held)
        return None

    def _rank(self, share: Share) -> None:
        rank = share.held.bit_length() if share.unfinished else 0
        if rank != share.rank:
            if share.rank:
                del self._ranks[share.rank][share]
            if rank:
                self._ranks[rank][share] = None
            share.rank = rank
