"""Who is at the other end, as far as a socket says it."""

import asyncio
import socket

import pytest

from sessiongate.http.connection.peer import Peer, address_at, plain_address


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::5", "2001:db8::5"),
    ],
)
def test_a_peers_address_is_plain(host: str, plain: str) -> None:
    assert plain_address(host) == plain


class At(asyncio.BaseTransport):
    """Says what it is told to say."""

    def __init__(self, peername: object, opened: socket.socket | None = None) -> None:
        super().__init__({"peername": peername, "socket": opened})


def test_clients_of_a_unix_socket_have_its_path_for_an_address() -> None:
    assert address_at(At(("::ffff:10.0.0.1", 1, 0, 0))) == "10.0.0.1"
    assert address_at(At("")) == address_at(At(None)) == ""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert Peer(At("", ours), "", "/run/gate.sock").address == "/run/gate.sock"
