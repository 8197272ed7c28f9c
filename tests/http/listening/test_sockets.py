"""Listening sockets: which addresses there are, the mode of a file, and what is in its way."""

import asyncio
import os
import pwd
import re
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sessiongate.errors import ConfigError
from sessiongate.http.listening.sockets import accept, kind_of, more_wait
from tests.each import each
from tests.http.listening.test_listener import NOW, ask, bind_socket


async def test_a_unix_sockets_mode_can_be_wider(tmp_path: Path) -> None:
    door = await bind_socket(f"unix:{tmp_path}/door", socket_mode=0o660)
    assert stat.S_IMODE((tmp_path / "door").stat().st_mode) == 0o660
    await door.stop(NOW)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only there a socket has a mode before its file"
)
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
async def test_a_unix_socket_is_at_no_moment_wider_than_asked(
    mask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not by the umask, which all threads share: a file made meanwhile would have it too."""
    seen: list[tuple[int, str]] = []
    bind = socket.socket.bind

    def watched(door: socket.socket, path: str) -> None:
        during = re.search(r"^Umask:\s*(\d+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
        bind(door, path)
        assert during is not None
        seen.append((stat.S_IMODE(Path(path).lstat().st_mode), during[1]))

    monkeypatch.setattr(socket.socket, "bind", watched)
    before = os.umask(mask)
    try:
        door = await bind_socket(f"unix:{tmp_path}/door", socket_mode=0o660)
    finally:
        os.umask(before)
    assert seen == [(0o660 & ~mask, f"{mask:04o}")]
    assert stat.S_IMODE((tmp_path / "door").stat().st_mode) == 0o660
    await door.stop(NOW)


async def test_a_socket_left_behind_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "door"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    door = await bind_socket(f"unix:{path}")
    with pytest.raises(ConfigError, match="cannot be had"):
        await bind_socket(f"unix:{path}")
    assert await ask(*await asyncio.open_unix_connection(path)) == f"<{path} False>"
    await door.stop(NOW)


async def test_no_other_file_is_replaced_by_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "door"
    path.write_text("mine")
    with pytest.raises(ConfigError):
        await bind_socket(f"unix:{path}")
    assert path.read_text() == "mine"


NOBODY = pwd.getpwnam("nobody")
ROOT_ALONE = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@ROOT_ALONE
@each("planted", ["nothing", "a link", "a stale socket"])
async def test_sec_80_root_makes_no_socket_where_another_account_may_lead_it(planted: str) -> None:
    """Nor removes what has its name: that may be in whatever directory the link leads to."""
    with tempfile.TemporaryDirectory(prefix="sessiongate-sockets-") as name:
        around = Path(name)
        theirs, roots = around / "theirs", around / "roots"
        theirs.mkdir()
        roots.mkdir()
        folder = theirs
        if planted == "a link":
            folder = theirs / "run"
            folder.symlink_to(roots)
        elif planted == "a stale socket":
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(theirs / "door"))
        os.chown(theirs, NOBODY.pw_uid, NOBODY.pw_gid)
        before = sorted(around.rglob("*"))
        with pytest.raises(ConfigError) as caught:
            await bind_socket(f"unix:{folder}/door")
        [problem] = caught.value.problems
        assert problem.startswith(
            f"listen: unix:{folder}/door cannot be had: of {folder}, it is in"
        )
        assert "the hands of nobody" in problem
        assert "run the command as that account, or give the directory to root" in problem
        assert sorted(around.rglob("*")) == before


@ROOT_ALONE
async def test_a_directory_of_everybodys_with_the_sticky_bit_may_have_roots_socket() -> None:
    with tempfile.TemporaryDirectory(prefix="sessiongate-sockets-") as name:
        folder = Path(name) / "all"
        folder.mkdir()
        folder.chmod(0o1777)
        door = await bind_socket(f"unix:{folder}/door")
        await door.stop(NOW)
        assert list(folder.iterdir()) == []
        folder.chmod(0o777)
        with pytest.raises(ConfigError, match="is writable for all; take that right away"):
            await bind_socket(f"unix:{folder}/door")


@ROOT_ALONE
async def test_sec_80_root_removes_no_name_that_was_led_elsewhere_meanwhile() -> None:
    with tempfile.TemporaryDirectory(prefix="sessiongate-sockets-") as name:
        above, elsewhere = Path(name) / "above", Path(name) / "elsewhere"
        (above / "run").mkdir(parents=True)
        elsewhere.mkdir()
        path = above / "run" / "door"
        door = await bind_socket(f"unix:{path}")
        os.link(path, elsewhere / "door")  # the same file, in a directory of root's
        (above / "run").rename(above / "before")
        (above / "run").symlink_to(elsewhere)
        os.chown(above, NOBODY.pw_uid, NOBODY.pw_gid)
        await door.stop(NOW)
        assert (elsewhere / "door").exists()


@each(
    "address",
    [
        "",
        "9669",
        ":9669",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:²",
        "::1:9669",
        "[127.0.0.1]:9669",
        "[::1]",
        "example.com:80",
        "unix:relative",
        "unix:",
    ],
)
async def test_an_address_of_another_form_is_a_config_error(address: str) -> None:
    with pytest.raises(ConfigError, match="listen"):
        await bind_socket(address)


async def test_an_address_in_use_is_a_config_error() -> None:
    door = await bind_socket("127.0.0.1:0")
    with pytest.raises(ConfigError, match="cannot be had"):
        await bind_socket(door.address)
    await door.stop(NOW)


@each(
    ("family", "address"),
    [
        (socket.AF_INET, ("127.0.0.1", 0)),
        (socket.AF_INET6, ("::1", 0)),
        (socket.AF_UNIX, "s"),
    ],
)
def test_what_is_accepted_is_as_the_sockets_own_accept_has_it(
    family: socket.AddressFamily, address: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(family) as opened:
        opened.bind(address)
        opened.listen()
        opened.setblocking(False)
        for accepted_by in (lambda: accept(opened, kind_of(opened)), opened.accept):
            with socket.socket(family) as peer:
                peer.connect(opened.getsockname())
                accepted, told = accepted_by()
                with accepted:
                    assert told == (peer.getsockname() or "")
                    assert accepted.getsockname() == opened.getsockname()
                    assert (accepted.family, accepted.type) == (family, socket.SOCK_STREAM)
                    assert not accepted.get_inheritable()
                    peer.sendall(b"here")
                    assert accepted.recv(4) == b"here"
        with pytest.raises(BlockingIOError):
            accept(opened, kind_of(opened))


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux says of a listening socket")
def test_the_kernel_says_whether_more_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        assert not more_wait(opened)
        with (
            socket.create_connection(opened.getsockname()),
            socket.create_connection(opened.getsockname()),
        ):
            assert more_wait(opened)
            opened.accept()[0].close()
            assert more_wait(opened)
            opened.accept()[0].close()
            assert not more_wait(opened)


def test_where_it_does_not_say_there_may_be_more(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "s"))
        opened.listen()
        assert more_wait(opened)
