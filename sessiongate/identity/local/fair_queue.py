"""A bounded queue that is fair by place: each address has a lane, and lanes take turns.

While there is room an address may have all of it. When there is none, whoever comes from an address
with less waiting takes the place of the last to come from the address with most: so one address
that floods costs others one turn each, and never their place. Who stands in a lane without taking a
place (`pretends`) waits like the others there and keeps nobody out.

A lane has at most so many `abreast` at work, those who only pretend to work among them. Not for
several threads at once; who uses it has a lock.
"""

from collections import Counter, OrderedDict, deque
from typing import Generic, Protocol, TypeVar


class Waits(Protocol):
    """Something that stands in the queue."""

    @property
    def pretends(self) -> bool:
        """Whether it takes no place."""
        ...


T = TypeVar("T", bound=Waits)


class FairQueue(Generic[T]):
    """Lanes by place. `waiting` counts those that take a place."""

    def __init__(self, room: int, abreast: int) -> None:
        self._room = room
        self._abreast = abreast
        self._lanes: OrderedDict[str, deque[T]] = OrderedDict()
        self._at_work: Counter[str] = Counter()
        self.waiting = 0

    def put(self, place: str, one: T, spare: int = 0) -> T | None:
        """Let this one wait. Who lost a place for it is the answer, itself where there is none.

        `spare`: so many are about to be taken.
        """
        lane = self._lanes.get(place, ())
        if len(lane) >= self._room + spare:
            return one
        lost: T | None = None
        if self.waiting >= self._room + spare:
            longest = max(self._lanes, key=self._places_of, default=place)
            if longest == place or self._places_of(longest) <= len(lane) + 1:
                return one
            if not one.pretends:
                lost = next(each for each in reversed(self._lanes[longest]) if not each.pretends)
                self.remove(longest, lost)
        self._lanes.setdefault(place, deque()).append(one)
        self.waiting += not one.pretends
        return lost

    def take(self) -> tuple[str, T] | None:
        """The next whose turn it is, now at work until `done`; None where nobody's turn is."""
        for place, lane in self._lanes.items():
            if self._at_work[place] < self._abreast:
                one = lane[0]
                self.remove(place, one)
                self._at_work[place] += 1
                if place in self._lanes:
                    self._lanes.move_to_end(place)
                return place, one
        return None

    def done(self, place: str) -> None:
        """One who was taken from here is at work no more."""
        self._at_work[place] -= 1
        if not self._at_work[place]:
            del self._at_work[place]

    def remove(self, place: str, one: T) -> bool:
        """Let somebody go who waits. False if he does not."""
        lane = self._lanes.get(place)
        if lane is None or one not in lane:
            return False
        lane.remove(one)
        self.waiting -= not one.pretends
        if not lane:
            del self._lanes[place]
        return True

    def everybody(self) -> list[T]:
        """All who wait."""
        return [one for lane in self._lanes.values() for one in lane]

    def _places_of(self, place: str) -> int:
        return sum(not one.pretends for one in self._lanes[place])
