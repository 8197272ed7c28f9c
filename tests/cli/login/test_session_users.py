"""Who is let in to a session that is shared, and who is turned away."""

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sessiongate.cli.login.session_users import SessionUsers, received
from sessiongate.http.listening.sockets import bind_socket
from tests.until import PATIENCE

GREETING, OVER = {"opened": {"token": "t"}}, {"over": True}


@pytest.fixture
def path() -> Iterator[Path]:
    """A place for a socket whose name is short enough."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "one.sock"


def come(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(str(path))
    line.settimeout(PATIENCE)
    return line


def heard(line: socket.socket) -> list[Any]:
    return [json.loads(one) for one in received(line, 65536).splitlines()]


@pytest.mark.parametrize("greeting", [None, GREETING])
def test_once_nobody_comes_any_more_those_inside_stay(
    path: Path, greeting: dict[str, Any] | None
) -> None:
    """Who has come meanwhile hears the greeting where there is one, else nothing."""
    ours, first = socket.socketpair()
    with ours, first:
        users = SessionUsers(first, bind_socket(f"unix:{path}"))
        with come(path) as inside:
            users.last_left(0, GREETING)
            with come(path) as waits:
                users.take_no_more(greeting)
                assert not path.exists()
                users.send_all(OVER)
                assert heard(inside) == [GREETING, OVER]
                assert heard(waits) == ([] if greeting is None else [GREETING, OVER])
        assert users.last_left(PATIENCE, GREETING) is None
        ours.close()
        assert users.last_left(PATIENCE, GREETING) is first
