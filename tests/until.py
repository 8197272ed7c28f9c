"""Waiting for what comes about by itself: by a condition, with a deadline, never for a time."""

import asyncio
import select
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which what should have come about has not, in any test.

A loaded machine takes many times what an idle one takes. A deadline costs nothing if all is well.
"""

# What is waited for is often another process's or thread's deed: after so many looks it needs the
# processor more than whoever looks does.
_EAGER_LOOKS = 100
_PAUSE = 0.002
# A look that is dear, as a whole command is, is made a quarter of the time at most.
_SHARE = 3

# How often what took long is tried anew; and how many times as long as it may take is so long that
# it is not: no machine is as busy as that.
_TRIES = 4
_HANGS = 5

BETWEEN_LOOKS = 0.03
"""Seconds between two looks, where something is watched as long as it goes on: looking is dear."""


async def until(so: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Let the event loop run until this is so. TimeoutError: it does not come to that."""
    loop, looks = asyncio.get_running_loop(), 0
    async with asyncio.timeout(patience):
        while not so():
            looks += 1
            turn = loop.create_future()
            loop.call_later(_PAUSE if looks > _EAGER_LOOKS else 0, turn.set_result, None)
            await turn


def wait_until(so: Callable[[], bool], patience: float = PATIENCE) -> None:
    """The same where there is no event loop."""
    begun = time.monotonic()
    deadline = begun + patience
    while not so():
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError("it does not come to that")
        select.select((), (), (), max(_PAUSE, _SHARE * (now - begun)))
        begun = time.monotonic()


def is_quick(work: Callable[[], object], within: float) -> bool:
    """Whether this takes less than so many seconds.

    It is tried some times: a busy machine holds up now and then what is quick, and what is slow by
    itself is so each time. What takes many times as long hangs, be it once, and is not quick.
    """
    for _ in range(_TRIES):
        begun = time.monotonic()
        work()
        took = time.monotonic() - begun
        if took < within:
            return True
        if took > _HANGS * within:
            return False
    return False
