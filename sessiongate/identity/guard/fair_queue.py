"""A bounded queue that is fair by place: each address has a lane, and lanes take turns.

Two crowds wait here. Places from which somebody has come in lately are known; all others are
strangers. Each crowd has a share of the room that the other cannot take, and of the turns, too;
what one leaves free the other may use. In each crowd the lane goes first that had its last turn
longest ago, one that never had any before all others. A full crowd lets a newcomer in where he has
less than whoever has most, or, with as much, had his turn earlier; among equals it is drawn. So a
flood costs others a turn each, and who was never served has a chance however many there are.

Who stands in a lane without taking a place (`pretends`) waits like the others there and keeps
nobody out. A lane has at most so many `abreast` at work, those who only pretend among them.
"""

import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, NamedTuple, Protocol, TypeVar

# One in so many places is kept for strangers while known places wait, and one in so many turns:
# a flood from one place that is known must not shut out everybody who is not known yet.
_STRANGERS = 4

FULL = "too many logins wait"
"""What a client hears who gets no place: whichever queue it was, so that nobody learns from it
which provider a name belongs to."""

# Places and networks of which the last turn is remembered, about 4 MB. Whoever floods from more
# has as many chances as addresses.
_MOST_TURNS = 20_000


class QueuePosition(NamedTuple):
    """Where somebody stands: the place, the network around it, and whether the place is known.

    Strangers of one network share what they have, then each place in it. The network of a known
    place is the place.
    """

    place: str
    network: str
    known: bool


class Queued(Protocol):
    """Something that stands in the queue."""

    @property
    def pretends(self) -> bool:
        """Whether it takes no place."""
        ...


T = TypeVar("T", bound=Queued)


class _Lane(Generic[T]):
    """Those of one position."""

    def __init__(self, position: QueuePosition) -> None:
        self.position = position
        self.waiting: deque[T] = deque()
        self.holding = 0
        """Those who take a place."""
        self.at_work = 0
        self.listed = False
        """Whether it stands among those whose turn can come."""


Entry = tuple[tuple[int, int], int, _Lane[T]]


class FairQueue(Generic[T]):
    """Lanes by position. `waiting` counts those that take a place.

    `draw` gives a number from 0 up to below its argument. Not for several threads at once; who
    uses it has a lock.
    """

    def __init__(
        self, room: int, abreast: int, draw: Callable[[int], int] = secrets.randbelow
    ) -> None:
        self._room = room
        self._abreast = abreast
        self._draw = draw
        self._lanes: dict[QueuePosition, _Lane[T]] = {}
        self._holding: dict[bool, dict[QueuePosition, _Lane[T]]] = {True: {}, False: {}}
        """Of each crowd, the lanes in which somebody takes a place."""
        self._held: Counter[bool | str] = Counter()
        """Places taken, by crowd and by network."""
        self._ready: dict[bool, list[Entry[T]]] = {True: [], False: []}
        self._entries = 0
        self._turns = _Turns()
        self._in_a_row = 0
        """Turns that known places had since a stranger had one."""
        self.waiting = 0

    def put(self, position: QueuePosition, one: T, spare: int = 0) -> T | None:
        """Let this one wait. Who lost a place for it is the answer, itself where there is none.

        `spare`: so many are about to be taken.
        """
        room = self._room + spare
        lane = self._lanes.get(position)
        if lane is not None and len(lane.waiting) >= room:
            return one
        lost: T | None = None
        if self.waiting >= room:
            loser = self._loser(position, room)
            if loser is None:
                return one
            if not one.pretends:
                lost = next(each for each in reversed(loser.waiting) if not each.pretends)
                self.remove(loser.position, lost)
        lane = self._lanes.setdefault(position, _Lane(position))
        lane.waiting.append(one)
        if not one.pretends:
            self._count(lane, 1)
        self._list(lane)
        return lost

    def take(self) -> tuple[QueuePosition, T] | None:
        """The next whose turn it is, now at work until `done`; None where nobody's turn is."""
        known, strangers = self._next(self._ready[True]), self._next(self._ready[False])
        if known is not None and strangers is not None:
            is_known = self._in_a_row < _STRANGERS - 1
            self._in_a_row = self._in_a_row + 1 if is_known else 0
            lane = known if is_known else strangers
        elif known is not None or strangers is not None:
            lane = known or strangers  # type: ignore[assignment]
        else:
            return None
        heappop(self._ready[lane.position.known])
        lane.listed = False
        one = lane.waiting.popleft()
        if not one.pretends:
            self._count(lane, -1)
        lane.at_work += 1
        self._turns.note_turn(lane.position)
        self._list(lane)
        return lane.position, one

    def done(self, position: QueuePosition) -> None:
        """One who was taken from here is at work no more."""
        lane = self._lanes[position]
        lane.at_work -= 1
        self._list(lane)
        self._leave_if_empty(lane)

    def remove(self, position: QueuePosition, one: T) -> bool:
        """Let somebody go who waits. False if he does not."""
        lane = self._lanes.get(position)
        if lane is None or one not in lane.waiting:
            return False
        lane.waiting.remove(one)
        if not one.pretends:
            self._count(lane, -1)
        self._leave_if_empty(lane)
        return True

    def everybody(self) -> list[T]:
        """All who wait."""
        return [one for lane in self._lanes.values() for one in lane.waiting]

    # Who gives way

    def _loser(self, position: QueuePosition, room: int) -> "_Lane[T] | None":
        """The lane that loses its last for one more of this position, None where he is refused."""
        strangers = room // _STRANGERS
        if self._held[position.known] < (room - strangers if position.known else strangers):
            return max(self._holding[not position.known].values(), key=self._weight)
        ours = self._holding[position.known].values()
        lane = self._lanes.get(position)
        places = 1 + (lane.holding if lane is not None else 0)
        turns = self._turns.of(position)
        loser = self._worst(ours, self._weight, (self._held[position.network] + 1, places, *turns))
        if loser is None:
            near = (each for each in ours if each.position.network == position.network)
            loser = self._worst(near, self._weight_near, (places, turns[1]))
        return loser

    def _worst(
        self,
        lanes: "Iterable[_Lane[T]]",
        weigh: "Callable[[_Lane[T]], tuple[int, ...]]",
        own: tuple[int, ...],
    ) -> "_Lane[T] | None":
        """One that weighs more than `own` and most of all; of those that weigh as much, by lot."""
        heaviest: list[_Lane[T]] = []
        most = own
        for lane in lanes:
            weight = weigh(lane)
            if weight > most:
                heaviest, most = [], weight
            if weight == most:
                heaviest.append(lane)
        if not heaviest or most > own:
            return heaviest[0] if heaviest else None
        drawn = self._draw(len(heaviest) + 1)
        return heaviest[drawn] if drawn < len(heaviest) else None

    def _weight(self, lane: "_Lane[T]") -> tuple[int, ...]:
        return self._held[lane.position.network], lane.holding, *self._turns.of(lane.position)

    def _weight_near(self, lane: "_Lane[T]") -> tuple[int, ...]:
        return lane.holding, self._turns.of(lane.position)[1]

    # Whose turn it is

    def _list(self, lane: "_Lane[T]") -> None:
        """Put a lane among those whose turn can come, if it can."""
        if lane.listed or not lane.waiting or lane.at_work >= self._abreast:
            return
        lane.listed = True
        self._entries += 1
        ready = self._ready[lane.position.known]
        if len(ready) > 2 * len(self._lanes):  # mostly lanes that have gone
            ready[:] = [entry for entry in ready if self._is_ready(entry[2])]
            heapify(ready)
        heappush(ready, (self._turns.of(lane.position), self._entries, lane))

    def _is_ready(self, lane: "_Lane[T]") -> bool:
        is_ready = bool(lane.waiting) and self._lanes.get(lane.position) is lane
        lane.listed = lane.listed and is_ready
        return is_ready

    def _next(self, ready: "list[Entry[T]]") -> "_Lane[T] | None":
        """The lane whose turn is next, first in `ready` afterwards."""
        while ready:
            turns, number, lane = ready[0]
            now = self._turns.of(lane.position)
            if not self._is_ready(lane):
                heappop(ready)
            elif turns != now:  # its network had one meanwhile
                heapreplace(ready, (now, number, lane))
            else:
                return lane
        return None

    def _count(self, lane: "_Lane[T]", by: int) -> None:
        lane.holding += by
        self.waiting += by
        self._held[lane.position.known] += by
        self._held[lane.position.network] += by
        if not self._held[lane.position.network]:
            del self._held[lane.position.network]
        holding = self._holding[lane.position.known]
        if lane.holding:
            holding[lane.position] = lane
        else:
            holding.pop(lane.position, None)

    def _leave_if_empty(self, lane: "_Lane[T]") -> None:
        if not lane.waiting and not lane.at_work:
            self._lanes.pop(lane.position, None)


class _Turns:
    """When each network and each place had its last turn, counted in turns; 0 for never."""

    def __init__(self) -> None:
        self._number = 0
        self._last: OrderedDict[str, int] = OrderedDict()

    def note_turn(self, position: QueuePosition) -> None:
        """Note that it has one now."""
        self._number += 1
        for each in {position.network, position.place}:
            self._last[each] = self._number
            self._last.move_to_end(each)
        while len(self._last) > _MOST_TURNS:
            self._last.popitem(last=False)

    def of(self, position: QueuePosition) -> tuple[int, int]:
        """The last turn of the network, and of the place."""
        return self._last.get(position.network, 0), self._last.get(position.place, 0)
