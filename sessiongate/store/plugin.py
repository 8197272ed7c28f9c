"""What a kind of store is made of: for the table of ours, and for packages that add one.

A package adds a kind by an entry point of the group `sessiongate.store`, under the name that
`store.url` begins with, to a `StoreKind`.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from sessiongate.rules.store_url import StoreAddress
from sessiongate.secret import Secret
from sessiongate.session import Limits
from sessiongate.store.port import AuditReader, Store


class StoreSettings(msgspec.Struct, frozen=True):
    """What the settings of `[store]` say, and the limits of sessions."""

    url: StoreAddress
    data_dir: Path
    limits: Limits
    password: Secret | None = None
    sentinel_password: Secret | None = None
    certificate_authority: Path | None = None
    prefix: str = "sg"
    timeout: timedelta = timedelta(seconds=2)
    cache: bool = False

    @property
    def file(self) -> Path:
        """The file of a store that has one."""
        return self.data_dir / self.url.file


class StoreKind(msgspec.Struct, frozen=True):
    """One kind of store."""

    make: Callable[[StoreSettings], Store]
    """A store that is not yet started. Raises ConfigError, one problem a sentence."""
    audit: Callable[[StoreSettings], AbstractContextManager[AuditReader]] | None = None
    """Reads the audit from outside, while servers run or not; None where it dies with them.

    Both opening and reading raise StoreUnavailable.
    """
    doubts: Callable[[StoreSettings, Callable[[], datetime]], Awaitable[list[str]]] | None = None
    """What is not as it should be at a store elsewhere, given the time: a sentence with the way
    out each. Raises StoreUnavailable. None for a store in files of this server's own, which is
    also not opened to try it out.
    """
    latest: Callable[[StoreSettings], Awaitable[datetime | None]] | None = None
    """The latest time that the store has seen, read from outside while servers run or not.

    None for one that has seen none, and in the place of the function for one that dies with its
    process. Raises StoreUnavailable.
    """
