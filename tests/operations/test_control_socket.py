"""A control socket among the temporary files: used where nobody else could have put it there."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessiongate.cli.control_client import ask, server_answers
from sessiongate.cli.output import Exit, Failed
from sessiongate.errors import ConfigError
from sessiongate.operations.control_socket import control_address, objection_to, socket_path
from tests.end_to_end.serving import Server, environment
from tests.until import PATIENCE

ROOT_ALONE = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several accounts")

STRANGER = 64003


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of temporary files with a short name, as wide as /tmp."""
    folder = Path(tempfile.mkdtemp(prefix="sg-"))
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """One whose name is too long for a socket in it."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir(mode=0o700)
    return folder


@contextmanager
def someone_listens(path: Path, owner: int) -> Iterator[list[bytes]]:
    """A server at this socket that answers anything, and what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        os.chown(path, owner, owner)

        def serve() -> None:
            while True:
                try:
                    line, _ = door.accept()
                except OSError:
                    return
                with line:
                    asked.append(line.recv(65536))
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        door.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def test_in_the_data_directory_the_socket_is_its_owners(tmp_path: Path) -> None:
    assert control_address(tmp_path) == f"unix:{socket_path(tmp_path)}"


def test_a_place_that_is_free_will_do(data_dir: Path, temporary: Path) -> None:
    path = socket_path(data_dir)
    assert path.parent == temporary
    assert control_address(data_dir) == f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert control_address(data_dir) == f"unix:{path}"


@pytest.mark.parametrize("there", ["file", "link", "pipe"])
def test_sec_80_what_is_no_socket_is_not_used(there: str, data_dir: Path, temporary: Path) -> None:
    path = socket_path(data_dir)
    if there == "file":
        path.touch()
    elif there == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(temporary / "elsewhere")
    with pytest.raises(ConfigError, match=r"^server\.data_dir: .*: it is no socket"):
        control_address(data_dir)
    with pytest.raises(Failed) as failed:
        ask(data_dir, "GET", "/sessions", object)
    assert "it is no socket" in str(failed.value.sentences)


def test_sec_80_a_folder_that_others_may_write_is_not_used(data_dir: Path, temporary: Path) -> None:
    temporary.chmod(0o777)
    with pytest.raises(ConfigError, match="others may put something else in its place"):
        control_address(data_dir)


@ROOT_ALONE
def test_sec_80_a_folder_of_somebody_elses_is_not_used(data_dir: Path, temporary: Path) -> None:
    os.chown(temporary, STRANGER, STRANGER)
    with pytest.raises(ConfigError, match=f"belongs to uid {STRANGER}"):
        control_address(data_dir)


@ROOT_ALONE
def test_sec_80_nobody_elses_socket_is_asked(data_dir: Path, temporary: Path) -> None:
    path = socket_path(data_dir)
    with someone_listens(path, STRANGER) as asked:
        with pytest.raises(Failed) as failed:
            ask(data_dir, "GET", "/sessions", object)
        assert not server_answers(data_dir)
        with pytest.raises(ConfigError, match=f"it belongs to uid {STRANGER}"):
            control_address(data_dir)
    assert failed.value.code is Exit.UNREACHABLE
    assert f"it belongs to uid {STRANGER}" in str(failed.value.sentences)
    assert asked == []
    assert objection_to(path, {STRANGER}) == ""


@ROOT_ALONE
def test_sec_80_whoever_listens_counts_and_not_whose_file_it_is(
    data_dir: Path, temporary: Path
) -> None:
    """A socket of ours under another name (a hard link) leads to whoever listens at it."""
    path = socket_path(data_dir)
    os.seteuid(STRANGER)
    try:
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(path))
        door.listen()
    finally:
        os.seteuid(0)
    os.chown(path, 0, 0)
    with door, pytest.raises(Failed) as failed:
        ask(data_dir, "GET", "/sessions", object)
    assert f"uid {STRANGER} listens there" in str(failed.value.sentences)


@pytest.mark.slow
@ROOT_ALONE
@pytest.mark.parametrize("kind", ["socket", "link"])
def test_sec_80_a_server_does_not_start_beside_somebody_elses_socket(
    kind: str, data_dir: Path, temporary: Path
) -> None:
    path = socket_path(data_dir)
    if kind == "link":
        path.symlink_to(temporary / "elsewhere")
    else:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    line = ["serve", "--plain-http", "--listen", "127.0.0.1:0", "--data-dir", str(data_dir)]
    done = subprocess.run(
        [sys.executable, "-m", "sessiongate.cli.main", *line],
        env=environment({"TMPDIR": str(temporary)}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2, done
    assert f"server.data_dir: its name is too long for a socket in it, and {path}" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.lstat().st_uid == STRANGER


@pytest.mark.slow
@ROOT_ALONE
def test_sec_80_commands_reach_a_server_whose_socket_is_elsewhere(
    data_dir: Path, temporary: Path
) -> None:
    with Server(data_dir, environ={"TMPDIR": str(temporary)}, flags=("--plain-http",)) as server:
        assert server_answers(data_dir)
        assert socket_path(data_dir).stat().st_mode & 0o777 == 0o600
        server.stop()
    assert not server_answers(data_dir)
