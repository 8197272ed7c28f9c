"""Notes of upstreams in the session file: there after a restart, and after a disk that refused."""

from pathlib import Path

from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS


async def test_a_note_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    store = SqliteStore(path, LIMITS)
    notes = store.notes("account/ü")  # taken before the file is read, as the gateway does
    await store.start()
    for text in ("1", "2"):
        await notes.put("refused soap x", text)
    await store.notes("vc1").put("other", "3")
    await store.close()
    again = SqliteStore(path, LIMITS)
    notes = again.notes("account/ü")
    await again.start()
    assert await notes.all() == {"refused soap x": "2"}
    assert await again.notes("vc1").all() == {"other": "3"}
    await again.close()
