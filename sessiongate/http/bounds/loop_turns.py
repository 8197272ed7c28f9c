"""Whose request is begun when: what one turn of the event loop does for all connections together.

What has come is worked on at once while there is time in the turn: TLS records, a large part of a
request, a whole request. When the time is spent, connections wait for later turns, in the order of
rotation: one network after the other, in each one address after the other. Connections by which a
live session has asked go before strangers, who have every fourth turn. So whoever has many
connections costs others one step of each turn.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Callable

# Seconds for beginning requests. A turn in which they are spent may have begun late in the time of
# the one before, so that it takes up to twice as long.
SLICE = 0.004

# Of those who wait, how many begin in one turn at most: as many as the turn before had time for.
ABREAST = 8

# One in so many beginnings is a stranger's while known callers wait.
_STRANGERS = 4

Clock = Callable[[], float]
Waiter = asyncio.Future[None]


class LoopTurns:
    """Says who begins. One for all listeners that share an `Admission`."""

    def __init__(self) -> None:
        self._until = -math.inf
        """When the time for beginnings is spent."""
        self._counts = False
        """Whether we are called in the next turn."""
        self._began = 0.0
        self._abreast = 1
        self._known = Lanes()
        self._strangers = Lanes()
        self._in_a_row = 0
        """Beginnings of known callers since the last of a stranger."""

    def are_free(self, clock: Clock) -> bool:
        """Whether a request may begin now; otherwise it is to `queue`."""
        now = clock()
        if now < self._until:
            return not (self._known.waiting or self._strangers.waiting)
        if self._counts:
            return False
        # Only now and then, since a call in the next turn costs a turn of the loop.
        self._until = now + SLICE
        self._call(clock, now)
        return True

    def queue(self, clock: Clock, network: str, place: str, *, known: bool) -> Waiter:
        """What is done when it is this one's turn."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        (self._known if known else self._strangers).put(network, place, waiter)
        if not self._counts:
            self._call(clock, clock())
        return waiter

    def _call(self, clock: Clock, now: float) -> None:
        self._counts = True
        self._began = now
        asyncio.get_running_loop().call_soon(self._turn, clock)

    def _turn(self, clock: Clock) -> None:
        """A turn of the loop begins: let some of those who wait begin in it."""
        now = clock()
        late = now - self._began >= SLICE
        self._abreast = 1 if late else min(2 * self._abreast, ABREAST)
        begun = 0
        while begun < self._abreast and (waiter := self._take()) is not None:
            if not waiter.done():  # unless it was cancelled meanwhile
                waiter.set_result(None)
                begun += 1
        self._counts = False
        if begun:
            self._call(clock, now)

    def _take(self) -> Waiter | None:
        known, strangers = self._known, self._strangers
        if strangers.waiting and (not known.waiting or self._in_a_row >= _STRANGERS - 1):
            self._in_a_row = 0
            return strangers.take()
        if known.waiting:
            self._in_a_row += 1
            return known.take()
        return None


class Lanes:
    """Waiters by network and place, which take turns."""

    def __init__(self) -> None:
        self.waiting = 0
        self._networks: OrderedDict[str, OrderedDict[str, deque[Waiter]]] = OrderedDict()

    def put(self, network: str, place: str, one: Waiter) -> None:
        """Behind the others of its place."""
        places = self._networks.setdefault(network, OrderedDict())
        places.setdefault(place, deque()).append(one)
        self.waiting += 1

    def take(self) -> Waiter:
        """The next. Somebody must wait."""
        network, places = next(iter(self._networks.items()))
        place, lane = next(iter(places.items()))
        one = lane.popleft()
        self.waiting -= 1
        places.move_to_end(place)
        self._networks.move_to_end(network)
        if not lane:
            del places[place]
        if not places:
            del self._networks[network]
        return one
