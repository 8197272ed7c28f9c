"""One process owns the file; the others are told who, and get it when that one is gone."""

import errno
import os
import resource
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


def test_a_disk_that_takes_no_number_is_not_somebody_elses_process(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    lock = FileLock(tmp_path / "sessions.db")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(
            StoreUnavailable, match=r"db\.lock cannot be written: .*; raise the limit"
        ):
            lock.take()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    lock.take()
    lock.release()


def test_a_disk_without_locks_is_not_somebody_elses_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StoreUnavailable, match="cannot be locked: No locks available; have the"):
        FileLock(tmp_path / "sessions.db").take()
