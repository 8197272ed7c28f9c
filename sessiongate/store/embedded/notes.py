"""Notes about one upstream, for the stores of one process: as long as that lives."""


class MemoryNotes:
    """Texts by topic."""

    def __init__(self) -> None:
        self._notes: dict[str, str] = {}

    async def put(self, topic: str, text: str) -> None:
        """Keep this text."""
        self._notes[topic] = text

    async def all(self) -> dict[str, str]:
        """What there is."""
        return dict(self._notes)
