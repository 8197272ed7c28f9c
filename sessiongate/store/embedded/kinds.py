"""The kinds of stores of one process, as the table of stores has them."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sessiongate.errors import StoreUnavailable
from sessiongate.files import is_there
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.latest import read_latest
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.store.plugin import StoreKind, StoreSettings


@contextmanager
def _audit_of(settings: StoreSettings) -> Iterator[AuditFile]:
    file = settings.file
    if not is_there(file):
        raise StoreUnavailable(
            f"there is no session file at {file} yet: no server has run there; name the data"
            " directory of one that has (--data-dir, server.data_dir)"
        )
    try:
        yield AuditFile(file)
    except sqlite3.Error as error:
        what = getattr(error, "sqlite_errorname", error)
        raise StoreUnavailable(f"{file} cannot be read: {what}") from error


async def _latest(settings: StoreSettings) -> datetime | None:
    return await asyncio.to_thread(read_latest, settings.file)


MEMORY = StoreKind(lambda settings: MemoryStore(settings.limits))

SQLITE = StoreKind(
    lambda settings: SqliteStore(settings.file, settings.limits), _audit_of, latest=_latest
)
