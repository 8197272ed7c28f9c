"""Notes about upstreams in the stores of one process: in memory, and in the file if there is."""

from collections.abc import Callable

from sessiongate.store.embedded import schema
from sessiongate.store.embedded.writer import Writer


class MemoryNotes:
    """Texts by topic, as long as the process lives."""

    def __init__(self, notes: dict[str, str] | None = None) -> None:
        self._notes = {} if notes is None else notes

    async def put(self, topic: str, text: str) -> None:
        """Keep this text."""
        self._notes[topic] = text

    async def all(self) -> dict[str, str]:
        """What there is."""
        return dict(self._notes)


class SqliteNotes(MemoryNotes):
    """The same, which the file has before `put` returns. `writer` writes it, or raises."""

    def __init__(self, writer: Callable[[], Writer], upstream: str, notes: dict[str, str]) -> None:
        super().__init__(notes)
        self._writer = writer
        self._upstream = upstream

    async def put(self, topic: str, text: str) -> None:
        """Keep this text. Where the disk refuses, the file follows."""
        writer = self._writer()
        await super().put(topic, text)
        row = tuple(map(schema.text, (self._upstream, topic, text)))
        await writer.write_retried(schema.NOTE, row)
