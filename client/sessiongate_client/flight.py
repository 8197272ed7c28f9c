"""One deed for all threads that want it at once: the first does it, all get what came of it."""

from __future__ import annotations

import threading
from typing import Generic, Optional, TypeVar

from .errors import SessionError

T = TypeVar("T")


class Flight(Generic[T]):
    """What is under way. `done`, `failed` or `abandoned` ends it, once."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._value: Optional[T] = None
        self._error: Optional[SessionError] = None

    def done(self, value: T) -> None:
        """It went well."""
        self._value = value
        self._ended.set()

    def failed(self, error: SessionError) -> None:
        """It did not, for all who wait."""
        self._error = error
        self._ended.set()

    def abandoned(self) -> None:
        """Whoever did it was interrupted: another of those who wait may do it."""
        self._ended.set()

    def wait(self) -> Optional[T]:
        """What came of it, or None where it was abandoned. Raises a copy of what it failed with."""
        self._ended.wait()
        if self._error is not None:
            # Each raises its own: a traceback grows where it is raised.
            raise type(self._error)(*self._error.args) from None
        return self._value
