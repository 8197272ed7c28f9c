"""A secret in a file of its own that may be another by the time it is needed."""

from collections.abc import Callable
from pathlib import Path

import structlog

from sessiongate.files import read_named
from sessiongate.secret import Secret, secret_text

_AGAIN = 5.0
"""Seconds after which the file is looked at again."""

_LONGEST = 64 * 1024

_log = structlog.get_logger(__name__)


class SecretFile:
    """What the file holds. `first` is what it held at the start; `now` is in seconds.

    While it cannot be read, or holds nothing, the last secret is given out.
    """

    def __init__(self, path: Path, first: Secret, now: Callable[[], float]) -> None:
        self._path = path
        self._last = first
        self._now = now
        self._due = 0.0

    def __call__(self) -> Secret:
        """The secret, which may be some seconds old."""
        if self._now() >= self._due:
            self._due = self._now() + _AGAIN
            try:
                text = secret_text(read_named(self._path, _LONGEST))
            except (OSError, UnicodeDecodeError) as error:
                _log.warning("the file of a secret cannot be read", reason=type(error).__name__)
            else:
                self._last = Secret(text) if text else self._last
        return self._last
