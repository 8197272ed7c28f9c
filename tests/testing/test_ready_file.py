"""What a dev server says of itself is there whole or not at all, and no other file is touched."""

from pathlib import Path

import msgspec
import pytest

from sessiongate.testing.ready_file import (
    DevServer,
    DevUser,
    clear_ready_file,
    read_ready_file,
    remove_ready_file,
    write_ready_file,
)
from tests.each import each

SERVER = DevServer("https://x", "", None, "", {"a": DevUser("b", "user")}, "t", 7, 1)


def test_it_is_the_owners_alone_and_says_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    write_ready_file(path, SERVER)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_ready_file(path) == SERVER
    assert [one.name for one in tmp_path.iterdir()] == ["ready.json"]


def test_what_is_left_of_a_killed_server_or_empty_goes(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    clear_ready_file(path)
    write_ready_file(path, SERVER)
    clear_ready_file(path)
    assert not path.exists()
    path.touch()
    clear_ready_file(path)
    assert not path.exists()


@each("content", [b"precious", b"{}", b'{"url":1}', b"\xff\xfe", b'{"x":' + b"[" * 100_000])
def test_another_file_stays_and_is_said_to_be_there(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(FileExistsError, match="name another"):
        clear_ready_file(path)
    remove_ready_file(path, SERVER.pid)
    assert path.read_bytes() == content


def test_the_file_of_a_server_that_came_later_stays(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    write_ready_file(path, msgspec.structs.replace(SERVER, pid=8))
    remove_ready_file(path, 7)
    assert path.exists()
    remove_ready_file(path, 8)
    assert not path.exists()
