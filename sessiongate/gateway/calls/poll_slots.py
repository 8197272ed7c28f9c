"""Slots for long polls, and for transfers, at an upstream: no user takes them from all others."""

import asyncio
from collections import Counter

from sessiongate.errors import Overloaded
from sessiongate.session import Person


class PollSlots:
    """So many for all together. One user has half of them at most."""

    def __init__(self, most: int, patience: float) -> None:
        """`patience`: seconds for which a poll waits for its slot."""
        self._free = asyncio.Semaphore(most)
        self._most_of_one = max(1, most // 2)
        self._patience = patience
        self._of: Counter[Person] = Counter()
        self.taken = 0

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return self._of.total() - self.taken

    async def take(self, person: Person) -> None:
        """Have a slot, to be given back. Raises Overloaded where there is none in time."""
        if self._of[person] >= self._most_of_one:
            raise Overloaded("too many waits of one user at the upstream")
        self._of[person] += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except BaseException as error:  # its time is up, or whoever waited has gone
            self._forget(person)
            if isinstance(error, TimeoutError):
                raise Overloaded("too many waits at the upstream") from None
            raise
        self.taken += 1

    def give_back(self, person: Person) -> None:
        """The poll is over."""
        self.taken -= 1
        self._forget(person)
        self._free.release()

    def _forget(self, person: Person) -> None:
        self._of[person] -= 1
        if not self._of[person]:
            del self._of[person]
