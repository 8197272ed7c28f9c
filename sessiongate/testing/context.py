"""What tests enter, and what is over with the block: with `with` and with `async with` alike."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class OverInTheEnd(ABC):
    """A context manager that does one thing at the end of its block, whatever became of that."""

    @abstractmethod
    def _end(self) -> None:
        """Have done with it. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
