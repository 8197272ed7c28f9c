"""Whose sessions are being ended, for all processes that share a store.

A store that several processes share has such marks; of one that has a single process, that process
knows by itself. A mark is of no use once its time is over, whoever has left it.
"""

from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from sessiongate.session import Person


class EndingMark(msgspec.Struct, frozen=True):
    """Sessions that somebody is ending."""

    whose: Person
    """Without a provider, of this name at all of them; without a name too, everybody's."""
    until: datetime
    """When it is over at the latest: its server may have crashed."""


class EndingMarks(Protocol):
    """Keeps marks for all processes. Raises StoreUnavailable."""

    async def put(self, mark: str, ending: EndingMark) -> None:
        """Keep this one; `mark` is its name, which nobody else uses. All see it on return."""
        ...

    async def remove(self, mark: str) -> None:
        """Forget it. No error where there is none."""
        ...

    async def all(self) -> list[EndingMark]:
        """Those that were put and not removed, in no particular order."""
        ...


@runtime_checkable
class HasEndingMarks(Protocol):
    """A store that says whether it has any."""

    @property
    def ending_marks(self) -> EndingMarks | None:
        """Where it keeps them; None where no other process shares it."""
        ...


def ending_marks_of(store: object) -> EndingMarks | None:
    """Where any store keeps them, if it does."""
    return store.ending_marks if isinstance(store, HasEndingMarks) else None
