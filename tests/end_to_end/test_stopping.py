"""A server that was told to stop: whoever watches it hears so before any client is turned away."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.many import operations, operations_of, said, shared_settings, wait_for
from tests.end_to_end.serving import ADMIN, USER, Server, run_command, vim
from tests.peers import redis as peer
from tests.peers.redis import Redis
from tests.telemetry.families import read, value
from tests.until import PATIENCE, wait_until

# Each of these starts a server of its own, or several.
pytestmark = pytest.mark.slow

WATCHED = '[admin]\nlisten = "127.0.0.1:0"\n'
FLAGS = ("--listen", "127.0.0.1:0")

# Long enough that whoever would wait for it fails by its own patience first.
DELAYED = '[server.limits]\nshutdown_delay = "10m"\nshutdown_grace = "1m"\n'


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis for the tests with workers. Nobody may stop it."""
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path_factory.mktemp("redis")) as made:
        yield made


@contextmanager
def idle_line(server: Server) -> Iterator[ssl.SSLSocket]:
    """A connection that asks nothing."""
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain,
        server.tls().wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        yield line


@contextmanager
def begun(server: Server) -> Iterator[ssl.SSLSocket]:
    """A login whose body is still to come, so that the server has something to finish."""
    with idle_line(server) as line:
        head = f"POST {vim('Login')} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
        line.sendall(f"{head}Connection: close\r\nExpect: 100-continue\r\n\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 100 ")  # it is being read
        yield line


BODY = json.dumps({"userName": USER[0], "password": USER[1]}).encode()


def finished(line: ssl.SSLSocket) -> bytes:
    """Send the rest, and read the reply."""
    line.sendall(BODY)
    return b"".join(iter(lambda: line.recv(65536), b""))


def lets_in(server: Server) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", server.port)) == 0


def is_going(address: str) -> bool:
    return operations(address, "/readyz").status == 503


def test_readiness_ends_before_a_client_is_turned_away(make_server: MakeServer) -> None:
    server = make_server(settings=WATCHED + DELAYED, flags=FLAGS)
    token = server.vim_token(USER)
    (address,) = operations_of(server)
    assert operations(address, "/readyz").status == 200
    server.signal(signal.SIGTERM)
    wait_until(partial(is_going, address))
    assert operations(address, "/readyz").json() == {"status": "the server is stopping"}
    assert operations(address, "/healthz").status == 200
    assert b"sessiongate_sessions_live 1" in operations(address, "/metrics").body
    # Nothing else has changed for those who come.
    assert server.is_alive(token)
    assert server.zerto_token(ADMIN)
    assert server.run("sessions", "list", "--output", "json").code == 0
    # Told once more, it waits no longer.
    server.stop()


def test_it_can_be_watched_until_the_last_request_is_answered(make_server: MakeServer) -> None:
    server = make_server(settings=WATCHED, flags=FLAGS)
    server.vim_token(USER)
    (address,) = operations_of(server)
    with begun(server) as line:
        server.signal(signal.SIGTERM)
        wait_until(lambda: not lets_in(server))
        assert operations(address, "/readyz").status == 503
        assert operations(address, "/healthz").status == 200
        assert finished(line).startswith(b"HTTP/1.1 200 ")
    assert server.ended() == 0
    assert "Traceback" not in server.log.text


def test_output_that_nobody_reads_is_no_reason_to_stop_the_hard_way(tmp_path: Path) -> None:
    """Its first words find no reader, so it ends; the audit says that it did."""
    data = tmp_path / "data"
    reader, writer = os.pipe()
    os.close(reader)
    command = [
        sys.executable,
        "-m",
        "sessiongate.cli.main",
        "serve",
        *FLAGS,
        "--data-dir",
        str(data),
    ]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    os.close(writer)
    assert done.returncode != 0
    events = run_command("audit", "export", "--data-dir", str(data)).out
    assert [json.loads(line)["event"] for line in events.splitlines()] == [
        "server started",
        "server stopped",
    ]


@pytest.mark.parametrize(
    "setting", ['[admin]\nlisten = "off"\n', '[admin]\nlisten = "127.0.0.1:0"\n']
)
def test_nobody_watches_a_server_whose_listener_is_off(
    setting: str, make_server: MakeServer
) -> None:
    server = make_server(settings=setting, flags=FLAGS)
    assert server.vim_token(USER)
    shown = [line for line in server.out.lines if line.startswith("Operations on ")]
    assert bool(shown) == ("off" not in setting)
    server.stop()
    assert said(server, "no operations listener") == []


# Workers


@contextmanager
def begun_at_each(server: Server) -> Iterator[list[ssl.SSLSocket]]:
    """Logins whose bodies are still to come, one at least at each worker."""
    workers = operations_of(server)
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as opened:
        lines: list[ssl.SSLSocket] = []
        while not all(connections(one) for one in workers):
            assert time.monotonic() < deadline, "one worker gets all connections"
            lines.append(opened.enter_context(begun(server)))
        yield lines


def connections(address: str) -> float:
    """How many clients are connected to this worker."""
    return value(read(operations(address, "/metrics").body), "sessiongate_connections")


@pytest.mark.peer
def test_every_worker_says_that_the_server_goes(
    make_server: MakeServer, shared_redis: Redis
) -> None:
    settings = shared_settings(shared_redis.url, store='prefix = "goes"')
    server = make_server(settings=settings + DELAYED)
    token = server.vim_token(USER)
    workers = operations_of(server)
    assert len(workers) == 2
    server.signal(signal.SIGTERM)
    for address in workers:
        wait_until(partial(is_going, address))
    assert server.is_alive(token)
    server.stop()


@pytest.mark.peer
def test_workers_can_be_watched_until_the_last_request_is_answered(
    make_server: MakeServer, shared_redis: Redis
) -> None:
    settings = shared_settings(shared_redis.url, store='prefix = "watched"')
    server = make_server(settings=settings)
    server.vim_token(USER)
    workers = operations_of(server)
    with idle_line(server) as idle, begun_at_each(server) as lines:
        server.signal(signal.SIGTERM)
        for address in workers:
            wait_until(partial(is_going, address))
        # An idle connection is closed once the linger of its worker is over.
        assert idle.recv(1) == b""
        assert [operations(one, "/healthz").status for one in workers] == [200, 200]
        for line in lines:
            assert finished(line).startswith(b"HTTP/1.1 200 ")
    assert server.ended() == 0


@pytest.mark.peer
def test_a_worker_that_is_replaced_says_nothing_of_going(
    make_server: MakeServer, shared_redis: Redis
) -> None:
    """Its successor answers at the same address, and is ready."""
    settings = shared_settings(shared_redis.url, store='prefix = "replaced"')
    server = make_server(settings=settings + DELAYED)
    server.vim_token(USER)
    workers = operations_of(server)
    with begun_at_each(server) as lines:
        server.signal(signal.SIGHUP)
        wait_for(server, "worker started", 3)
        statuses = {operations(workers[0], "/readyz").status for _ in range(40)}
        assert statuses == {200}
        for line in lines:
            assert finished(line).startswith(b"HTTP/1.1 200 ")
    wait_for(server, "all workers replaced")
    assert {operations(one, "/readyz").status for one in workers} == {200}
    server.signal(signal.SIGTERM)
    for address in workers:
        wait_until(partial(is_going, address))
    server.stop()
