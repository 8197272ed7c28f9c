"""A store that several gates have together, as servers have Redis."""

from sessiongate.store.ending_marks import EndingMark
from tests.fake_store import FakeStore


class Marks:
    """Marks of endings, in memory."""

    def __init__(self) -> None:
        self._marks: dict[str, EndingMark] = {}

    async def put(self, mark: str, ending: EndingMark) -> None:
        self._marks[mark] = ending

    async def remove(self, mark: str) -> None:
        self._marks.pop(mark, None)

    async def all(self) -> list[EndingMark]:
        return list(self._marks.values())


class SharedStore(FakeStore):
    """In memory, with marks of endings."""

    def __init__(self) -> None:
        super().__init__()
        self.ending_marks = Marks()
