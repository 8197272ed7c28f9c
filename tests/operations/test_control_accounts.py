"""Whom the control socket answers: the kernel says who has connected, whatever the file's mode."""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening.listener import listen
from sessiongate.operations.control import Control
from sessiongate.operations.control_socket import socket_path
from tests.gate import Gate
from tests.until import PATIENCE

# Accounts that need no name: the kernel knows them by number.
OURS, ANOTHER = 64001, 64002

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several accounts")


@contextlib.contextmanager
def as_user(user: int) -> Iterator[None]:
    """Have the rights of this account, and be it for the kernel: it looks when we connect."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory of the server's account, to which everybody finds the way."""
    folder = Path(tempfile.mkdtemp(prefix="sessiongate-control-"))
    os.chown(folder, OURS, OURS)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def path(gate: Gate, data_dir: Path) -> AsyncIterator[Path]:
    """The socket of a server that runs as OURS."""

    async def refresh() -> None:
        """No users to look for."""

    async def unlock(_: str, by: str) -> bool:
        return False

    await gate.login("ada")
    path, limits = socket_path(data_dir), HttpLimits()
    control = Control(gate.sessions, gate.clock, refresh, unlock)
    with as_user(OURS):
        listener = await listen(f"unix:{path}", control, limits, None)
    yield path
    await listener.stop(limits.body_timeout)


async def answer(path: Path, user: int, asked: str) -> bytes:
    """What the server, which runs as OURS, answers to this account."""
    door = socket.socket(socket.AF_UNIX)
    try:
        with as_user(user):
            door.connect(str(path))
    except OSError:
        door.close()
        raise
    with as_user(OURS):
        reader, writer = await asyncio.open_unix_connection(sock=door)
        writer.write(f"{asked} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
        writer.close()
    return said


@pytest.mark.parametrize("asked", ["GET /sessions", "DELETE /sessions", "POST /unlock?name=ada"])
async def test_another_account_is_refused_though_the_file_lets_it_in(
    asked: str, path: Path, gate: Gate
) -> None:
    path.chmod(0o777)
    said = await answer(path, ANOTHER, asked)
    assert said.startswith(b"HTTP/1.1 403 ")
    assert b"this socket is the server's own account's" in said
    assert b"ada" not in said
    assert await gate.live() == ["ada"]


async def test_the_file_lets_no_other_account_in(path: Path) -> None:
    with pytest.raises(PermissionError):
        await answer(path, ANOTHER, "GET /sessions")


@pytest.mark.parametrize("user", [OURS, 0])
async def test_the_servers_own_account_and_root_are_answered(user: int, path: Path) -> None:
    said = await answer(path, user, "GET /sessions")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b'"user":"ada"' in said
