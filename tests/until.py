"""Waiting for what comes about by itself, on the event loop: by a condition, never for a time."""

import asyncio
from collections.abc import Callable

# A loaded machine may take many times what an idle one takes.
PATIENCE = 30.0


async def until(so: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Let others run until this is so. Raises TimeoutError where it does not come to that."""
    async with asyncio.timeout(patience):
        while not so():  # noqa: ASYNC110 (it may be another thread's deed)
            await asyncio.sleep(0)
