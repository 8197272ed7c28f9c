"""A server's time goes ahead, and what is over by then ends at once."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from sessiongate.store.port import SessionStore


class TravellingClock(Protocol):
    """A clock that goes ahead when it is told to."""

    def now(self) -> datetime:
        """The time, as an aware UTC datetime."""
        ...

    def advance(self, by: timedelta) -> None:
        """Go ahead. Raises ValueError for a step back."""
        ...

    def freeze(self) -> None:
        """Stand still from now on, but for steps ahead."""
        ...

    def reset(self) -> None:
        """The system's time again, for a server that remembers nothing of before."""
        ...


async def advance(
    clock: TravellingClock,
    by: timedelta,
    store: SessionStore,
    tend: Callable[[], Awaitable[int]],
) -> int:
    """Go ahead in time, on the server's loop. How many sessions that has ended.

    `tend` does what the server does once a second. Raises ValueError for a step back.
    """
    there = [one async for one in store.list(clock.now())]
    clock.advance(by)
    for one in there:
        # The store takes out what is over within a second; whoever ends it finds that out now.
        if await store.peek(one.digest, clock.now()) is None:
            await store.end(one.key)
    return await tend()
