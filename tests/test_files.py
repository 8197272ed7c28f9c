"""Our own files: opened by their name, and never what somebody has put in their place."""

import os
import pwd
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.files import (
    is_there,
    make_directory,
    open_named,
    open_own,
    own_directory,
    read_own,
    set_socket_mode,
    sync_directory,
)
from tests.each import each

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


NOBODY = pwd.getpwnam("nobody")
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
ROOT_ALONE = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def around() -> Iterator[Path]:
    """A directory of root's, where directories of others can be made."""
    with tempfile.TemporaryDirectory(prefix="sessiongate-files-") as name:
        yield Path(name)


@pytest.fixture
def theirs(around: Path) -> Path:
    """A directory of nobody's in it."""
    folder = around / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    return folder


def append(path: Path, text: bytes = b"line") -> None:
    number = open_named(path, APPEND)
    try:
        os.write(number, text)
    finally:
        os.close(number)


@ROOT_ALONE
@each("planted", ["link", "link to nothing", "directory", "second name", "link in a link"])
def test_sec_80_root_writes_nothing_that_another_account_leads_to(planted: str) -> None:
    with tempfile.TemporaryDirectory(prefix="sessiongate-files-") as name:
        around = Path(name)
        theirs, victim = around / "theirs", around / "victim"
        theirs.mkdir()
        victim.write_text("as it is", encoding="ascii")
        path = theirs / "audit.jsonl"
        if planted == "link":
            path.symlink_to(victim)
        elif planted == "link to nothing":
            path.symlink_to(around / "new")
        elif planted == "directory":
            (around / "roots").mkdir()
            (theirs / "logs").symlink_to(around / "roots")
            path = theirs / "logs" / "audit.jsonl"
        elif planted == "second name":
            path.hardlink_to(victim)
        else:
            path.symlink_to(victim)
            (around / "mine").symlink_to(path)
            path = around / "mine"
        os.chown(theirs, NOBODY.pw_uid, NOBODY.pw_gid)
        before = sorted(around.rglob("*"))
        with pytest.raises(OSError, match="which another account may have made, and root writes"):
            append(path)
        assert victim.read_text(encoding="ascii") == "as it is"
        assert sorted(around.rglob("*")) == before


@ROOT_ALONE
def test_sec_80_root_writes_a_plain_file_in_the_directory_of_another(theirs: Path) -> None:
    """Nothing is followed there, so nothing of root's is changed."""
    path = theirs / "audit.jsonl"
    append(path)
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    append(path)
    assert path.read_bytes() == b"lineline"
    with pytest.raises(FileNotFoundError):
        append(theirs / "logs" / "audit.jsonl")


@ROOT_ALONE
@each("leads", ["file", "directory"])
def test_links_of_roots_own_are_followed(leads: str) -> None:
    with tempfile.TemporaryDirectory(prefix="sessiongate-files-") as name:
        around = Path(name)
        (around / "logs").mkdir()
        kept = around / "logs" / "audit.jsonl"
        kept.touch()
        (around / "link").symlink_to(kept if leads == "file" else kept.parent)
        append(around / "link" if leads == "file" else around / "link" / kept.name)
        assert kept.read_bytes() == b"line"


@ROOT_ALONE
def test_a_link_of_roots_own_leads_to_the_directory_of_another(around: Path, theirs: Path) -> None:
    (around / "link").symlink_to(theirs.parent)
    append(around / "link" / theirs.name / "audit.jsonl")
    assert (theirs / "audit.jsonl").read_bytes() == b"line"


def test_a_socket_has_the_mode_that_was_asked_for(around: Path) -> None:
    path = around / "sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
    for mode in (0o600, 0o660, 0o660):
        set_socket_mode(path, mode)
        assert path.stat().st_mode & 0o777 == mode


@each("other", ["link", "file"])
def test_sec_80_what_has_taken_the_place_of_a_socket_keeps_its_mode(
    other: str, around: Path
) -> None:
    victim, path = around / f"victim of {other}", around / other
    victim.touch(mode=0o600)
    if other == "link":
        path.symlink_to(victim)
    else:
        path.hardlink_to(victim)
    with pytest.raises(OSError, match="another has put something in its place"):
        set_socket_mode(path, 0o666)
    assert victim.stat().st_mode & 0o777 == 0o600
