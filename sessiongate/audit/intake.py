"""Events that commands have left (`offline`) are taken into the audit by the server."""

import asyncio
from pathlib import Path

from sessiongate.audit import offline
from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal


class Intake:
    """Takes events out of the data directory."""

    def __init__(self, data_dir: Path, journal: Journal) -> None:
        self._data_dir = data_dir
        self._journal = journal
        # One at a time: of two, the second would write the same events again, and then remove as
        # many lines, whose events nobody has read.
        self._turn = asyncio.Lock()

    async def take(self) -> list[Event]:
        """Write what was left into the audit, remove it, and say what it was, oldest first."""
        async with self._turn:
            left = offline.waiting(self._data_dir)
            events = [event for event in left if event is not None]
            for event in events:
                await self._journal.told(event)
            if left:
                # It waits for a command that is just leaving something, however long that takes.
                await asyncio.to_thread(offline.taken, self._data_dir, len(left))
        return events
