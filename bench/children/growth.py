"""Bytes that a session takes in the embedded store. Says one number.

Argument: how many sessions. Added one by one through the store, as logins do.
"""

import asyncio
import gc
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools import populate

from sessiongate.session import Caps, Limits
from sessiongate.store.embedded.memory import MemoryStore


def rss() -> int:
    """Memory of this process in bytes."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def main(count: int) -> None:
    """Fill a store and compare."""
    store = MemoryStore(Limits(timedelta(minutes=30)))
    warm = 1_000
    for number, session in enumerate(populate.sessions(count + warm, datetime.now(UTC))):
        if number == warm:
            gc.collect()
            before = rss()
        await store.add(session, Caps())
    gc.collect()
    print((rss() - before) / count)


asyncio.run(main(int(sys.argv[1])))
