"""Who waits for a lease: each client's calls in the order they came, and clients in turns.

So a client with a hundred calls delays another's first one by one call, not by a hundred.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection

from sessiongate.gateway.leases.lease import Lease


class Waiter:
    """A call that waits. `lease` is resolved with what it gets, or fails."""

    __slots__ = ("client", "home", "lease", "since", "wait")

    def __init__(self, client: str, *, home: bool, wait: bool) -> None:
        self.client = client
        self.home = home
        """Whether it has to go where the client's state is."""
        self.wait = wait
        """Whether it waits for news, so that it does not count among the calls."""
        loop = asyncio.get_running_loop()
        self.lease: asyncio.Future[Lease] = loop.create_future()
        self.since = loop.time()

    def handed(self) -> Lease | None:
        """What it was handed, if anything."""
        lease = self.lease
        if not lease.done() or lease.cancelled() or lease.exception() is not None:
            return None
        return lease.result()


class Waiters:
    """All that wait for a lease of one pool."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, deque[Waiter]] = OrderedDict()
        self.count = 0
        """How many there are."""

    def __len__(self) -> int:
        return self.count

    def __contains__(self, client: str) -> bool:
        return client in self._clients

    @property
    def since(self) -> float | None:
        """Since when the first of them waits, by the event loop's clock; None for nobody."""
        return min((line[0].since for line in self._clients.values()), default=None)

    def add(self, waiter: Waiter) -> None:
        """It waits behind those of its client."""
        self._clients.setdefault(waiter.client, deque()).append(waiter)
        self.count += 1

    def remove(self, waiter: Waiter) -> None:
        """It waits no longer. No error where it does not."""
        line = self._clients.get(waiter.client)
        if line is not None and waiter in line:
            line.remove(waiter)
            self.count -= 1
            if not line:
                del self._clients[waiter.client]

    def serve(self, lease_for: Callable[[Waiter], Lease | None]) -> None:
        """Hand out what there is: to the first of each client in turn, round and round.

        `lease_for` finds and counts a lease for a waiter, or None. A client whose first call gets
        none is passed over: what it needs may be another lease than the others'.
        """
        passed = 0
        while self._clients and passed < len(self._clients):
            client, line = next(iter(self._clients.items()))
            self._clients.move_to_end(client)
            waiter = line[0]
            gone = waiter.lease.done()  # cancelled, and about to be removed
            lease = None if gone else lease_for(waiter)
            if lease is None and not gone:
                passed += 1
                continue
            passed = 0
            self.remove(waiter)
            if lease is not None:
                waiter.lease.set_result(lease)

    def fail(self, error: Exception) -> None:
        """Nobody gets anything."""
        for line in list(self._clients.values()):
            for waiter in list(line):
                self.remove(waiter)
                if not waiter.lease.done():
                    waiter.lease.set_exception(error)

    def clients(self) -> Collection[str]:
        """Whose calls wait."""
        return self._clients.keys()
