"""One process owns the file; the others are told who, and get it when that one is gone."""

import os
from pathlib import Path

import pytest

from sessiongate.errors import StoreUnavailable
from sessiongate.store.embedded.lock import FileLock, is_owned


def test_the_second_is_told_who_has_it(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    assert not is_owned(file)
    assert not list(tmp_path.iterdir())
    first, second = FileLock(file), FileLock(file)
    first.take()
    with pytest.raises(StoreUnavailable) as refused:
        second.take()
    text = str(refused.value)
    assert str(file) in text
    assert "one process owns a session file" in text
    assert f"process {os.getpid()}" in text
    assert "stop that one" in text
    assert is_owned(file)
    first.release()
    first.release()
    assert not is_owned(file)
    second.take()
    second.release()
