"""Our own files: opened by their name, and never what somebody has put in their place."""

import os
from pathlib import Path

import pytest

from sessiongate.files import (
    is_there,
    make_directory,
    open_own,
    own_directory,
    read_own,
    sync_directory,
)

MAKE = os.O_RDWR | os.O_CREAT


def test_sec_80_a_file_is_made_for_this_account_alone(tmp_path: Path) -> None:
    number = open_own(tmp_path / "new", MAKE)
    os.write(number, b"text")
    os.close(number)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert read_own(tmp_path / "new") == b"text"


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, MAKE, MAKE | os.O_TRUNC])
@pytest.mark.parametrize("there", [True, False])
def test_sec_80_a_link_is_not_followed(flags: int, there: bool, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    if there:
        victim.write_text("as it is", encoding="ascii")
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(OSError, match="is a link, or no plain file"):
        open_own(tmp_path / "link", flags)
    assert victim.exists() == there
    assert not there or victim.read_text(encoding="ascii") == "as it is"


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
def test_sec_80_a_pipe_keeps_nobody_waiting(flags: int, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a link, or no plain file"):
        open_own(tmp_path / "pipe", flags)


def test_sec_80_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is a link, or no plain file"):
        read_own(tmp_path)


def test_what_the_system_refuses_stays_its_refusal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "missing")


def test_a_directory_of_our_own_is_shut_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "folder"
    own_directory(folder)
    folder.chmod(0o755)
    own_directory(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("other", ["stranger", "link", "file", "brother"])
def test_sec_80_a_directory_that_comes_meanwhile_must_be_of_this_account(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged absent, and there when it is made."""
    path, make = tmp_path / "new", Path.mkdir

    def quicker(self: Path, mode: int = 0o777) -> None:
        if other == "link":
            path.symlink_to(tmp_path)
        elif other == "file":
            path.touch()
        else:
            make(path)
        make(self, mode)

    monkeypatch.setattr(Path, "mkdir", quicker)
    if other == "brother":
        make_directory(path)
        return
    if other == "stranger":
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(FileExistsError):
        make_directory(path)


def test_a_directory_is_made_with_those_above_for_this_account_alone(tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "three"
    make_directory(path)
    make_directory(path)
    for one in (path, *path.parents[:2]):
        assert one.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("there", [True, False])
def test_sec_80_a_link_is_no_directory_of_our_own(there: bool, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    if there:
        victim.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(OSError, match="is a link, or no directory"):
        own_directory(tmp_path / "link")
    assert victim.exists() == there
    assert not there or victim.stat().st_mode & 0o777 == 0o755


def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    assert not is_there(tmp_path / "link")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert is_there(tmp_path / "link")


def test_only_a_directory_has_names_to_write_down(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "none")
