"""Who waits for a lease: each client's calls in the order they came, a user's clients in turns, and
users in turns.

So a user with a hundred calls, by one session or by a hundred, delays another's first one by one
call, not by a hundred.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection

from sessiongate.gateway.leases.lease import Lease
from sessiongate.session import Person


class Waiter:
    """A call that waits. `lease` is resolved with what it gets, or fails."""

    __slots__ = ("client", "home", "lease", "since", "user", "wait")

    def __init__(self, client: str, user: Person, *, home: bool, wait: bool) -> None:
        self.client = client
        self.user = user
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
    """All that wait for a lease of one pool: so many for all, and half of them of one user."""

    def __init__(self, most: int, *, shared: bool) -> None:
        """`shared`: there are other users, who find a place whatever one of them does."""
        self._most = most
        self._most_of_one = max(1, most // 2) if shared else most
        self._clients: dict[str, deque[Waiter]] = {}
        self._users: OrderedDict[Person, OrderedDict[str, deque[Waiter]]] = OrderedDict()
        """Who is next comes first, of users and of the clients of each."""
        self._of: Counter[Person] = Counter()
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

    def why_full(self, user: Person) -> str:
        """Why a call of this user may not wait, too; "" where it may."""
        if self.count >= self._most:
            return "too many calls wait for a session at the upstream"
        if self._of[user] >= self._most_of_one:
            return "too many calls of one user wait for a session at the upstream"
        return ""

    def add(self, waiter: Waiter) -> None:
        """It waits behind those of its client."""
        line = self._clients.get(waiter.client)
        if line is None:
            line = self._clients[waiter.client] = deque()
            self._users.setdefault(waiter.user, OrderedDict())[waiter.client] = line
        line.append(waiter)
        self._of[waiter.user] += 1
        self.count += 1

    def remove(self, waiter: Waiter) -> None:
        """It waits no longer. No error where it does not."""
        client, user = waiter.client, waiter.user
        line = self._clients.get(client)
        if line is None or waiter not in line:
            return
        line.remove(waiter)
        self.count -= 1
        self._of[user] -= 1
        if not line:
            del self._clients[client]
            del self._users[user][client]
        if not self._of[user]:
            del self._of[user]
            del self._users[user]

    def serve(self, lease_for: Callable[[Waiter], Lease | None]) -> None:
        """Hand out what there is: a call of each user in turn, round and round, and of a user's
        clients in turn.

        `lease_for` finds and counts a lease for a waiter, or None. A client whose first call gets
        none is passed over, since it may need another lease than the others, and keeps its turn.
        """
        turns = deque((user, deque(clients)) for user, clients in self._users.items())
        while turns:
            user, clients = turns.popleft()
            if self._serve_one(clients, lease_for) and user in self._users:
                self._users.move_to_end(user)
                turns.append((user, clients))

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

    def _serve_one(self, clients: deque[str], lease_for: Callable[[Waiter], Lease | None]) -> bool:
        """Whether a call was handed a lease: the first for which there is one. Who was passed over
        is no longer in `clients`.
        """
        while clients:
            client = clients.popleft()
            while (line := self._clients.get(client)) is not None:
                waiter = line[0]
                gone = waiter.lease.done()  # cancelled, and about to be removed
                lease = None if gone else lease_for(waiter)
                if lease is None and not gone:
                    break
                self.remove(waiter)
                if lease is not None:
                    waiter.lease.set_result(lease)
                    if client in self._clients:
                        self._users[waiter.user].move_to_end(client)
                        clients.append(client)
                    return True
        return False
