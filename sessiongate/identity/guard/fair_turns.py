"""Turns at something that is asked by so many at once, given out by the `fair_queue`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sessiongate.errors import Overloaded
from sessiongate.identity.guard.fair_queue import FULL, FairQueue, QueuePosition
from sessiongate.identity.guard.known_names import KnownAddresses


class _Waiter:
    """One who waits for a turn. Waiters take places: none of them only pretends to."""

    pretends = False

    def __init__(self) -> None:
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_turn = False


class FairTurns:
    """So many turns at once; by the address of who asks, as `FairQueue` says, beyond.

    `waiting` more may wait, for `patience` seconds each. `what` names it in errors.
    """

    def __init__(self, at_once: int, waiting: int, patience: float, what: str) -> None:
        self._free = at_once
        self._patience = patience
        self._what = what
        self._queue: FairQueue[_Waiter] = FairQueue(waiting, at_once)
        self._known = KnownAddresses()

    def welcome(self, address: str) -> None:
        """Remember that somebody has come in from here. Whoever asks from here is no stranger."""
        self._known.welcome(address)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn and have it. "" is nobody's address, and no stranger's.

        Raises Overloaded where there is no room to wait, or the turn does not come in time.
        """
        position = self._known.position_of(address)
        waiter = _Waiter()
        lost = self._queue.put(position, waiter, self._free)
        if lost is waiter:
            raise self._full()
        if lost is not None and not lost.turn.done():
            lost.turn.set_exception(self._full())
        self._serve()
        try:
            async with asyncio.timeout(self._patience):
                await waiter.turn
        except BaseException as error:
            if waiter.has_turn:  # it came in the same moment
                self._leave(position)
            else:
                self._queue.remove(position, waiter)
            if isinstance(error, TimeoutError):
                raise self._full() from None
            raise
        try:
            yield
        finally:
            self._leave(position)

    def _full(self) -> Overloaded:
        return Overloaded(f"too many logins wait for {self._what}", says=FULL)

    def _serve(self) -> None:
        while self._free and (taken := self._queue.take()) is not None:
            position, waiter = taken
            if waiter.turn.done():  # given up in the same moment
                self._queue.done(position)
                continue
            self._free -= 1
            waiter.has_turn = True
            waiter.turn.set_result(None)

    def _leave(self, position: QueuePosition) -> None:
        self._free += 1
        self._queue.done(position)
        self._serve()
