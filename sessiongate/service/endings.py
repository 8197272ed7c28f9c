"""Whose sessions are being ended, and what must not come of them meanwhile.

To list sessions and to end them takes a while, in which a session could be cloned into where the
list has been already. So whoever ends the sessions of somebody says so first, here and, where
several processes share a store, in the store. A session that rests upon another, as clones do, is
opened, and then it is asked whether anybody ends what it rests upon: what was opened before is on
the list, what is opened later is taken back.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from secrets import token_hex

from sessiongate.clock import Clock
from sessiongate.errors import Unavailable
from sessiongate.identity.guard.overlapping import OverlappingChanges
from sessiongate.session import Person
from sessiongate.store.ending_marks import EndingMark, EndingMarks

MARKED_FOR = timedelta(minutes=5)
"""For how long other processes heed an ending at most. It is not renewed: where the lists take
longer, clones at other servers are no longer refused. After a crash nobody whom it was about can
clone a session for so long."""

MOST_PASSES = 10
"""How often sessions are listed again until none is left. One pass finds all, but for those whom
another server goes on letting in that does not know better."""

EVERYBODY = Person("", "")


class RestsUpon:
    """What a session that is about to be opened rests upon."""

    def __init__(
        self,
        endings: Mapping[str, Person],
        meanwhile: Collection[Person],
        shared: EndingMarks | None,
        clock: Clock,
    ) -> None:
        self._before = tuple(endings.values())
        self._meanwhile = meanwhile
        self._shared = shared
        self._clock = clock

    async def is_ending(self, *people: Person) -> bool:
        """Whether sessions of any of these are or were being ended since. Raises Unavailable."""
        if _any_covers((*self._before, *self._meanwhile), people):
            return True
        if self._shared is None:
            return False
        now = self._clock.now()
        marks = await self._shared.all()
        return _any_covers([one.whose for one in marks if now < one.until], people)


class EndingsUnderWay:
    """Knows whose sessions are being ended. `shared` is None where one process has the store."""

    def __init__(self, shared: EndingMarks | None, clock: Clock) -> None:
        self._shared = shared
        self._clock = clock
        self._here: dict[str, Person] = {}
        self._meanwhile = OverlappingChanges[Person]()

    @asynccontextmanager
    async def of(self, whose: Person) -> AsyncIterator[None]:
        """End sessions in here. Without a provider it is about a name at all, without both, all.

        Raises Unavailable where other processes cannot be told.
        """
        mark = token_hex(8)
        self._here[mark] = whose
        self._meanwhile.tell(whose)
        try:
            if self._shared is not None:
                until = self._clock.now() + MARKED_FOR
                await self._shared.put(mark, EndingMark(whose, until))
            yield
        finally:
            del self._here[mark]
            if self._shared is not None:
                with suppress(Unavailable):  # then it is over with its time
                    await self._shared.remove(mark)

    @contextmanager
    def heeded(self) -> Iterator[RestsUpon]:
        """Look up a session and open another that rests upon it in here."""
        with self._meanwhile.meanwhile() as meanwhile:
            yield RestsUpon(self._here, meanwhile, self._shared, self._clock)


def _any_covers(endings: Collection[Person], people: Collection[Person]) -> bool:
    return any(
        one.provider in ("", person.provider) and one.name in ("", person.name)
        for one in endings
        for person in people
    )
