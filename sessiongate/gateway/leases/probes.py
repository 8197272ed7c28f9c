"""Which leases have to be used now, so that the upstream keeps them and we know that it does."""

from collections.abc import Iterable
from itertools import islice

from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.pool import Pool

_UNPROVED_AT_ONCE = 32
"""Leases of other processes that are tried in a second."""


class Probes:
    """Of one upstream. Times are the event loop's."""

    def __init__(self) -> None:
        self._probed: dict[Lease, float] = {}
        self._unproved: set[Lease] = set()

    def mark_unverified(self, lease: Lease) -> None:
        """Another process has opened it, and nobody knows whether it lives."""
        self._unproved.add(lease)

    def due(self, pools: Iterable[Pool], now: float, unused: float) -> list[tuple[Pool, Lease]]:
        """Those that were unused for so many seconds, and some of those in doubt."""
        leases = [(pool, lease) for pool in pools for lease in pool.leases]
        alive = {lease for _, lease in leases}
        self._probed = {lease: at for lease, at in self._probed.items() if lease in alive}
        unproved = set(islice(self._unproved, _UNPROVED_AT_ONCE))
        self._unproved -= unproved
        found = []
        for pool, lease in leases:
            used = max(lease.freed_at, self._probed.get(lease, 0.0))
            if used <= now - unused or lease in unproved:
                self._probed[lease] = now
                found.append((pool, lease))
        return found
