"""Events that commands have left (`offline`) are taken into the audit by the server.

Each at least once: it is removed after it is written, so that a server which is killed in between
leaves it for the next, and that one writes it again.
"""

import asyncio
from pathlib import Path

from sessiongate.audit import offline
from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal


class OfflineIntake:
    """Takes events out of the data directory."""

    def __init__(self, data_dir: Path, journal: Journal) -> None:
        self._data_dir = data_dir
        self._journal = journal
        # One at a time: of two, the second would write the same events again.
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Write a portion of what was left into the audit, oldest first, and then remove it.

        What is beyond a portion waits for the next call.
        """
        await self._take()

    async def take_all(self) -> list[Event]:
        """The same with everything that was left. Says the newest event about each subject."""
        newest: dict[str, Event] = {}
        while events := await self._take():
            newest |= {event.subject: event for event in events if event is not None}
        return list(newest.values())

    async def _take(self) -> tuple[Event | None, ...]:
        async with self._turn:
            # In a thread: it waits for a command that is just leaving something, however long.
            left = await asyncio.to_thread(offline.read_portion, self._data_dir)
            told = [event for event in left.events if event is not None]
            await asyncio.gather(*map(self._journal.write, told))
            if left.end:
                await asyncio.to_thread(offline.remove_portion, self._data_dir, left)
        return left.events
