"""What comes of each way in which a login can go wrong on the wire: one error, one try."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from sessiongate_client import SessionError, UnexpectedAnswer, Unreachable, ZertoSession
from tests.client.scripted import PASSWORD, USER
from tests.each import each
from tests.until import PATIENCE

Deed = Callable[[socket.socket], None]

_OK = b"HTTP/1.1 200 OK\r\nx-zerto-session: abc\r\nContent-Length: "


def nothing(_line: socket.socket) -> None:
    """Close at once."""


def reset(line: socket.socket) -> None:
    line.recv(4096)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(*pieces: bytes) -> Deed:
    def deed(line: socket.socket) -> None:
        line.recv(4096)
        for piece in pieces:
            line.sendall(piece)

    return deed


def hangs(line: socket.socket) -> None:
    line.settimeout(PATIENCE)
    while line.recv(4096):
        pass  # until the client has had enough


def dribbles(begin: bytes, piece: bytes) -> Deed:
    """Each piece comes before the client has waited too long for one, and there is no last."""

    def deed(line: socket.socket) -> None:
        line.recv(4096)
        gone = threading.Event()
        ends = time.monotonic() + PATIENCE
        with suppress(OSError):
            line.sendall(begin)
            while not gone.wait(0.02) and time.monotonic() < ends:
                line.sendall(piece)

    return deed


SLOW = [
    dribbles(_OK + b"1000\r\n\r\n", b"x"),
    dribbles(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    dribbles(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    dribbles(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
]


@contextmanager
def answering(deed: Deed) -> Iterator[tuple[str, list[int]]]:
    """The address of a server that does this with each line, and a list as long as it had lines."""
    lines: list[int] = []

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                if not lines_are_wanted.is_set():
                    return
                lines.append(1)
                deed(line)

    lines_are_wanted = threading.Event()
    lines_are_wanted.set()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}", lines
        finally:
            lines_are_wanted.clear()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join(PATIENCE)


@each(
    ("deed", "error"),
    [
        (nothing, Unreachable),
        (reset, Unreachable),
        (hangs, Unreachable),
        *[(slow, Unreachable) for slow in SLOW],
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), UnexpectedAnswer),
        (says(b"hello\r\n\r\n"), UnexpectedAnswer),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), UnexpectedAnswer),
        (says(b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n"), None),
        (says(b"HTTP/1.1 429 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"), None),
        (says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), None),
        (says(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"), None),
    ],
)
def test_a_login_that_goes_wrong_is_tried_once(
    deed: Deed, error: type[SessionError] | None
) -> None:
    with answering(deed) as (url, lines):
        session = ZertoSession(url, USER, PASSWORD, connect_timeout=0.2, read_timeout=0.2)
        with pytest.raises(error or UnexpectedAnswer) as raised:
            session.current()
        assert PASSWORD not in str(raised.value)
        assert len(lines) == 1


@each(
    "deed",
    [nothing, reset, hangs, says(b"hello\r\n\r\n"), says(b"HTTP/1.1 500 No\r\n\r\n"), *SLOW],
)
def test_a_logout_that_goes_wrong_raises_nothing(deed: Deed) -> None:
    stories = iter([says(_OK + b"0\r\n\r\n"), deed])
    with answering(lambda line: next(stories)(line)) as (url, _):
        session = ZertoSession(url, USER, PASSWORD, connect_timeout=0.2, read_timeout=0.2)
        session.current()
        assert session.logout() is False
