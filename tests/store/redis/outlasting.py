"""Asking a Redis that is away for a moment, until it is back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sessiongate.errors import StoreUnavailable
from tests.until import PATIENCE

T = TypeVar("T")


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What the store says as soon as it says anything."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            assert time.monotonic() < deadline, "the store does not come back"
            await asyncio.sleep(0)
