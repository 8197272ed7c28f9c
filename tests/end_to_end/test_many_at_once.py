"""Many connections whose dear requests become whole at the same moment, and somebody else asks."""

import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.end_to_end.many import operations, operations_of
from tests.end_to_end.serving import USER, Client, Server
from tests.until import PATIENCE

MANY = 300
# About as dear as 64 KiB can be.
DOCUMENT = (b"<a>" + b"<b/>" * 1_250).ljust(64 * 1024 - 4) + b"</a>"
ATTACK = (
    b"POST /sdk HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b"
    % (
        len(DOCUMENT),
        DOCUMENT,
    )
)

# A machine that is busy with something else lets the server answer all before we have asked; a
# server that answers all of them first does so each time.
TRIES = 5


def answered(lines: list[socket.socket]) -> int:
    poll = select.poll()
    for line in lines:
        poll.register(line, select.POLLIN)
    return len(poll.poll(0))


def answered_before(server: Server, ask: Callable[[], None]) -> int:
    """How many of the attackers had their replies when whoever asked after them had theirs."""
    with ExitStack() as opened:
        lines = []
        for _ in range(MANY):
            line = opened.enter_context(
                socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            )
            line.sendall(ATTACK[:-1])
            lines.append(line)
        for line in lines:
            line.send(ATTACK[-1:])
        ask()
        count = answered(lines)
        over = time.monotonic() + PATIENCE
        while (done := answered(lines)) < MANY:
            assert time.monotonic() < over, done
            select.select(lines[:1], [], [], 0.05)
        return count


def asks(client: Client, token: str) -> None:
    headers = {"x-zerto-session": token}
    assert client.request("GET", "/v1/serverDateTime", headers).status == 200


def test_sec_73_many_who_ask_at_once_hold_neither_the_known_nor_the_operators_up(
    make_server: Callable[..., Server],
) -> None:
    """The known and /healthz waited till every one of a hundred was served, for 7 seconds."""
    settings = '[admin]\nlisten = "127.0.0.1:0"\n'
    server = make_server(settings=settings, flags=("--listen", "127.0.0.1:0", "--plain-http"))
    token = server.zerto_token(USER)
    watcher = operations_of(server)[0]
    with server.connected() as client:
        asks(client, token)

        def health() -> None:
            assert operations(watcher, "/healthz").status == 200

        for ask in (lambda: asks(client, token), health):
            before: list[int] = []
            while not before or (before[-1] > MANY // 3 and len(before) < TRIES):
                before.append(answered_before(server, ask))
            assert before[-1] <= MANY // 3, before
    server.stop()
