"""The latest time in a session file, read from outside: a server may be running on it or not."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sessiongate.errors import StoreUnavailable
from sessiongate.files import is_there, open_own
from sessiongate.store.embedded.schema import moment_in


def read_latest(path: Path) -> datetime | None:
    """The latest time that was committed, None for no file or none in it.

    Raises StoreUnavailable. Nothing is written beside the file: whoever runs `check` may be root,
    and the server must still be able to open it.
    """
    if not is_there(path):
        return None
    # Beside a log that a server writes or has left, the file alone is not the whole. Without one
    # SQLite would make it, if it were not told that nobody writes.
    mode = "mode=ro" if is_there(path.with_name(f"{path.name}-wal")) else "mode=ro&immutable=1"
    try:
        os.close(open_own(path, os.O_RDONLY))
        with closing(sqlite3.connect(f"file:{path}?{mode}", uri=True, timeout=1.0)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'clock'").fetchone()
    except OSError as problem:
        raise StoreUnavailable(f"{path} cannot be read: {problem.strerror}") from None
    except sqlite3.Error as error:
        what = getattr(error, "sqlite_errorname", type(error).__name__)
        raise StoreUnavailable(f"{path} cannot be read: {what}") from None
    return moment_in(row[0]) if row is not None else None
