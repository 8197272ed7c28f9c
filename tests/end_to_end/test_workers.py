"""Two workers over one Redis are one server: ends, caps, users; and none of them is missed."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from tests.basic import basic
from tests.end_to_end.many import (
    one_at_each,
    operations,
    operations_of,
    running,
    said,
    shared_settings,
    wait_for,
)
from tests.end_to_end.serving import (
    ADMIN,
    USER,
    Client,
    Server,
    run_command,
    session,
    vim,
    with_people,
)
from tests.peers import redis as peer
from tests.peers.ports import free_port
from tests.peers.redis import Redis
from tests.security.dialects import (
    DIALECTS,
    Appliance,
    Dialect,
    Manages,
    over_dialects,
    over_managers,
)
from tests.until import PATIENCE, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peer]

MakeServer = Callable[..., Server]

# Ends of a connection whose worker was killed in the middle.
GONE = (OSError, http.client.HTTPException, ssl.SSLError)

# With `cache`, an end is pushed: the next request may overtake it by so much, and no more.
PUSHED = 0.5


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis for all of these tests. Nobody may stop it."""
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path_factory.mktemp("redis")) as made:
        yield made


def prefix(name: str) -> str:
    """Names of its own in the shared Redis."""
    return f'prefix = "{name}"\n'


@pytest.fixture(scope="module", params=[False, True], ids=["exact", "cache"])
def pair(
    request: pytest.FixtureRequest, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, bool]]:
    """Two workers, without and with the cache. Nobody may stop them."""
    cache: bool = request.param
    store = prefix(f"pair{int(cache)}") + f"cache = {str(cache).lower()}\n"
    # Each refusal is an event of its own, so that a test can count them.
    settings = shared_settings(redis.url, store=store) + "[audit]\nrefusals_per_minute = 100000\n"
    with with_people(tmp_path_factory.mktemp("pair") / "data", settings=settings) as server:
        yield server, cache
        server.stop()


@pytest.fixture
def two(pair: tuple[Server, bool]) -> Iterator[list[Client]]:
    """A connection to each of the two workers."""
    with one_at_each(pair[0]) as clients:
        yield clients


def must_be_refused(dialect: Dialect, at: Client, token: str, *, cache: bool) -> None:
    if cache:
        wait_until(lambda: not dialect.is_alive(at, token), PUSHED)
    assert not dialect.is_alive(at, token), dialect


# Sessions


@over_dialects
def test_sec_08_a_logout_at_one_worker_is_felt_at_the_other(
    dialect: Dialect, pair: tuple[Server, bool], two: list[Client]
) -> None:
    for here, there in (two, two[::-1]):
        token = dialect.token(here, USER)
        for _ in range(3):  # a cache, where there is one, has it by now
            assert dialect.is_alive(there, token)
            assert dialect.is_alive(here, token)
        assert dialect.worked(dialect.logout(here, dialect.carry(token)))
        assert not dialect.is_alive(here, token)
        must_be_refused(dialect, there, token, cache=pair[1])


@pytest.mark.parametrize("by", ["access", "refresh"])
def test_sec_87_what_was_used_at_one_worker_is_spent_at_the_other(
    by: str, two: list[Client]
) -> None:
    dialect = Appliance()
    for here, there in (two, two[::-1]):
        first = dialect.login(here, *USER).json()
        second = dialect.refresh(there, first["refresh_token"]).json()
        assert second["session_state"] == first["session_state"]
        if by == "access":
            assert dialect.is_alive(here, second["access_token"])
        else:
            assert dialect.refresh(here, second["refresh_token"]).status == 200
        spent = dialect.refresh(there, first["refresh_token"])
        assert (spent.status, spent.json()["error"]) == (400, "invalid_grant")
        over = dialect.refresh(here, second["refresh_token"])
        assert (over.status, over.json()["error_description"]) == (400, "Session not active")


@over_managers
def test_sec_08_a_termination_at_one_worker_is_felt_at_the_other(
    dialect: Manages, pair: tuple[Server, bool], two: list[Client]
) -> None:
    for here, there in (two, two[::-1]):
        token, chief = dialect.token(there, USER), dialect.token(here, ADMIN)
        assert dialect.is_alive(there, token)
        key = dialect.current_key(there, dialect.carry(token))
        assert dialect.worked(dialect.terminate(here, dialect.carry(chief), key))
        must_be_refused(dialect, there, token, cache=pair[1])


@over_managers
def test_a_ticket_of_one_worker_is_good_at_the_other_and_once(
    dialect: Manages, two: list[Client]
) -> None:
    here, there = two
    token = dialect.token(here, USER)
    ticket = dialect.clone_ticket(here, dialect.carry(token))
    assert dialect.worked(dialect.clone(there, ticket))
    for again in two:
        assert not dialect.worked(dialect.clone(again, ticket))


# Users


@pytest.mark.parametrize("args", [("disable",), ("remove",)], ids=str)
def test_sec_11_a_user_who_is_no_more_is_out_at_every_worker_at_once(
    args: tuple[str, ...], pair: tuple[Server, bool], two: list[Client]
) -> None:
    server, cache = pair
    person = (f"temp-{args[0]}-{int(cache)}", "temporary pass 1")
    added = ("add", person[0], "--role", "user", "--password-stdin")
    assert server.run("users", *added, stdin=f"{person[1]}\n").code == 0
    held = [(dialect, dialect.token(at, person)) for dialect in DIALECTS for at in two]
    for dialect, token in held:
        for at in two:
            assert dialect.is_alive(at, token)
    assert server.run("users", *args, person[0]).code == 0
    for dialect, token in held:
        for at in two:
            must_be_refused(dialect, at, token, cache=cache)
    for dialect in DIALECTS:
        for at in two:
            assert not dialect.worked(dialect.login(at, *person))


def test_who_logs_in_with_a_new_password_stays_in(
    pair: tuple[Server, bool], two: list[Client]
) -> None:
    """Each worker finds out by itself that the file has changed: the last one ends nothing new."""
    server, cache = pair
    name, before, after = f"changes-{int(cache)}", "the old password 1", "the new password 1"
    added = ("add", name, "--role", "user", "--password-stdin")
    assert server.run("users", *added, stdin=f"{before}\n").code == 0
    here, there = two
    zerto = DIALECTS[0]
    old = [zerto.token(at, (name, before)) for at in two]
    # The other worker is not told by the command; it looks at the file by itself, once a second.
    for _ in range(2):
        before, after = after, before
        changed = server.run("users", "passwd", name, "--password-stdin", stdin=f"{before}\n")
        assert changed.code == 0
        new = zerto.token(here, (name, before))
        for token in old:
            must_be_refused(zerto, there, token, cache=cache)
        for address, so_far in [(one, sweeps(one)) for one in operations_of(server)]:
            wait_until(partial(_swept, address, so_far + 2))
        assert zerto.is_alive(here, new)
        assert zerto.is_alive(there, new)
        assert not zerto.worked(zerto.login(there, name, after))
        old = [new]


def sweeps(address: str) -> float:
    """How often a worker has looked for sessions whose time is up, once a second."""
    line = re.search(
        rb'^sessiongate_store_seconds_count{operation="expire"} (\S+)$',
        operations(address, "/metrics").body,
        re.MULTILINE,
    )
    return float(line[1]) if line else 0


def _swept(address: str, often: float) -> bool:
    return sweeps(address) >= often


# What is counted for all


def test_sec_15_57_parallel_logins_at_all_workers_leave_exactly_the_cap(
    make_server: MakeServer, redis: Redis
) -> None:
    settings = shared_settings(redis.url, store=prefix("caps"))
    server = make_server(settings=settings + "[sessions]\nmax_per_principal = 50\n")
    statuses: list[int] = []

    def log_in(client: Client) -> None:
        for _ in range(10):
            reply = client.request("POST", "/v1/session/add", {"Authorization": basic(*ADMIN)})
            statuses.append(reply.status)

    def come_and_log_in() -> None:
        with server.connected() as client:
            log_in(client)

    # Where the machine is busy, one worker may take all connections that come at once.
    with one_at_each(server) as clients:
        at_each = [partial(log_in, client) for client in clients]
        with running([*at_each, *[come_and_log_in] * 18]):
            pass
        assert sorted(statuses) == [200] * 50 + [503] * 150
        assert len(server.run("sessions", "list", "--output", "json").json()) == 50
        # Somebody else still finds room, and so does the same user when one session has ended.
        for client in clients:
            assert DIALECTS[0].worked(DIALECTS[0].login(client, *USER))
            assert not DIALECTS[0].worked(DIALECTS[0].login(client, *ADMIN))
        (first, *_) = server.run("sessions", "list", "--user", ADMIN[0], "--output", "json").json()
        server.run("sessions", "terminate", first["key"])
        assert DIALECTS[0].worked(DIALECTS[0].login(clients[1], *ADMIN))
        assert not DIALECTS[0].worked(DIALECTS[0].login(clients[0], *ADMIN))


@pytest.mark.parametrize("dialect", [DIALECTS[0]], ids=str)
def test_sec_23_tries_are_counted_for_all_workers_together(
    dialect: Dialect, pair: tuple[Server, bool], two: list[Client]
) -> None:
    server, cache = pair
    here, there = two
    person = (f"guessed-{int(cache)}", "hard to guess 1")
    added = ("add", person[0], "--role", "user", "--password-stdin")
    assert server.run("users", *added, stdin=f"{person[1]}\n").code == 0
    token = dialect.token(here, person)
    for at in (here, there, here, there, here):  # five tries lock
        assert not dialect.worked(dialect.login(at, person[0], "wrong"))
    for at in two:
        assert not dialect.worked(dialect.login(at, *person))
        assert dialect.is_alive(at, token)  # a lock is about logins
    assert server.run("users", "unlock", person[0]).code == 0
    for at in two:
        assert dialect.worked(dialect.login(at, *person))


def test_sec_23_parallel_guesses_at_all_workers_count_each(
    pair: tuple[Server, bool],
) -> None:
    """However many come at once to however many workers, five passwords are looked at."""
    server, cache = pair
    name = f"raced-{int(cache)}"
    added = ("add", name, "--role", "user", "--password-stdin")
    assert server.run("users", *added, stdin="hard to guess 2\n").code == 0

    def guess(number: int) -> None:
        with server.connected() as client:
            for turn in range(4):
                body = {"userName": name, "password": f"guess {number} {turn}"}
                assert client.request("POST", vim("Login"), {}, body).status == 500

    with running([partial(guess, number) for number in range(12)]):
        pass
    with one_at_each(server) as clients:
        for client in clients:
            body = {"userName": name, "password": "hard to guess 2"}
            assert client.request("POST", vim("Login"), {}, body).status == 500
    reasons = [one["reason"] for one in said(server, "login refused") if one.get("user") == name]
    assert len(reasons) == 12 * 4 + 2
    assert reasons.count("BadCredentials") == 5
    assert reasons.count("LockedOut") == len(reasons) - 5
    assert server.run("users", "unlock", name).code == 0
    with one_at_each(server) as clients:
        for client in clients:
            assert client.request("POST", vim("Login"), {}, body).status == 200


# Coming and going


@dataclass
class Book:
    """What one client was told, and what it was not told because its connection broke."""

    opened: set[str] = field(default_factory=set)
    ending: set[str] = field(default_factory=set)
    """Logouts sent, whose reply may never come: such a session may live or not."""
    ended: set[str] = field(default_factory=set)
    checked: int = 0
    broken: int = 0
    """Requests without a reply."""

    @property
    def must_live(self) -> set[str]:
        return self.opened - self.ending


class Load:
    """Clients that log in, check and log out until told to stop, and keep books.

    They leave the processors time for what is waited for, such as the start of a worker. `fresh`
    ones open a connection for each request, the others keep theirs as long as they may.
    """

    def __init__(self, server: Server, *, steady: int = 4, fresh: int = 2) -> None:
        self.server = server
        self.books = [Book() for _ in range(steady + fresh)]
        self._stop = threading.Event()
        context = server.tls()
        self._running = running(
            [
                partial(self._client, book, context, fresh=number >= steady)
                for number, book in enumerate(self.books)
            ]
        )
        self._finished = False

    def __enter__(self) -> Self:
        self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Have all clients end, and see that none of them has failed."""
        self._stop.set()
        if not self._finished:
            self._finished = True
            self._running.__exit__(None, None, None)

    def _client(self, book: Book, context: ssl.SSLContext, *, fresh: bool) -> None:
        def connect() -> Client:
            return Client(
                http.client.HTTPSConnection(
                    "127.0.0.1", self.server.port, timeout=PATIENCE, context=context
                )
            )

        client = connect()
        while not self._stop.wait(0.05):
            for step in (self._log_in, self._check, self._check, self._check, self._log_out):
                try:
                    step(client, book)
                except GONE:
                    book.broken += 1
                    client.close()
                    client = connect()
                if fresh:
                    client.close()
        client.close()

    def _log_in(self, client: Client, book: Book) -> None:
        body = {"userName": USER[0], "password": USER[1]}
        reply = client.request("POST", vim("Login"), {}, body)
        assert reply.status == 200, reply
        book.opened.add(reply.header("vmware-api-session-id") or "")

    def _check(self, client: Client, book: Book) -> None:
        token = next(iter(book.must_live), None)
        if token is None:
            return
        reply = client.request("GET", vim("currentSession"), session(token))
        assert reply.status == 200, reply
        assert reply.json() is not None, "a session is lost"
        book.checked += 1

    def _log_out(self, client: Client, book: Book) -> None:
        leaving = next(iter(book.must_live), None)
        if leaving is None or len(book.opened) % 2:
            return
        book.ending.add(leaving)
        reply = client.request("POST", vim("Logout"), session(leaving))
        assert reply.status == 204, reply
        book.ended.add(leaving)

    @property
    def broken(self) -> int:
        return sum(book.broken for book in self.books)

    @property
    def checked(self) -> int:
        return sum(book.checked for book in self.books)

    def is_going(self) -> None:
        """Wait until every client has got some further replies."""
        before = [book.checked for book in self.books]
        wait_until(
            lambda: all(b.checked > was + 3 for b, was in zip(self.books, before, strict=True))
        )

    def judge(self) -> None:
        """All that was acknowledged is so, asked at each worker."""
        must_live = set().union(*(book.must_live for book in self.books))
        ended = set().union(*(book.ended for book in self.books))
        assert must_live
        assert ended
        with one_at_each(self.server) as clients:
            for client in clients:
                for token in must_live | ended:
                    reply = client.request("GET", vim("currentSession"), session(token))
                    assert (reply.json() is not None) == (token in must_live)


@pytest.fixture
def busy(make_server: MakeServer, redis: Redis) -> Iterator[Load]:
    """Two workers and clients that keep them busy."""
    server = make_server(settings=shared_settings(redis.url, store=prefix("busy")))
    server.vim_token(USER)  # the slow hash, once
    with Load(server) as load:
        load.is_going()
        yield load


def test_a_rolling_restart_loses_no_request(busy: Load) -> None:
    server = busy.server
    first = wait_for(server, "worker started", 2)
    server.signal(signal.SIGHUP)
    wait_for(server, "all workers replaced")
    busy.is_going()
    started = wait_for(server, "worker started", 4)
    assert len({line["pid"] for line in started}) == 4
    assert not any(alive(line["pid"]) for line in first)
    busy.finish()
    assert busy.broken == 0
    busy.judge()
    # Commands find the new first worker.
    assert server.run("sessions", "list", "--output", "json").code == 0
    server.stop()


def alive(pid: int) -> bool:
    """Whether this process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1][1] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [0, 1])
def test_kill_9_of_a_worker_loses_only_what_it_was_doing(number: int, busy: Load) -> None:
    server = busy.server
    (victim,) = [
        line["pid"] for line in wait_for(server, "worker started", 2) if line["number"] == number
    ]
    busy.is_going()
    assert busy.broken == 0
    os.kill(victim, signal.SIGKILL)
    (died,) = wait_for(server, "worker died")
    assert (died["pid"], died["number"], died["code"]) == (victim, number, -signal.SIGKILL)
    busy.is_going()
    *_, again = wait_for(server, "worker started", 3)
    assert again["number"] == number
    busy.is_going()
    # Each client had one request under way at most.
    assert busy.broken <= len(busy.books)
    busy.finish()
    busy.judge()
    assert len(said(server, "worker started")) == 3
    server.stop()


def test_a_graceful_stop_lets_requests_finish(make_server: MakeServer, redis: Redis) -> None:
    server = make_server(settings=shared_settings(redis.url, store=prefix("graceful")))
    server.vim_token(USER)
    body = json.dumps({"userName": USER[0], "password": USER[1]}).encode()
    head = (
        f"POST {vim('Login')} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    ).encode()
    with ExitStack() as opened:
        begun = [opened.enter_context(line_to(server)) for _ in range(6)]
        idle = opened.enter_context(line_to(server))
        for line in begun:
            line.sendall(head)
            assert line.recv(4096).startswith(b"HTTP/1.1 100 ")  # it is being read
        server.signal(signal.SIGTERM)
        wait_for(server, "stopping")
        assert idle.recv(1) == b""  # those who ask nothing are sent away, in the end
        for line in begun:
            line.sendall(body)
        replies = [read_all(line) for line in begun]
    for reply in replies:
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nconnection: close\r\n" in reply.lower()
    assert server.ended() == 0
    assert not (server.data_dir / "control.sock").exists()
    server.start()
    tokens = [re.findall(rb"(?i)vmware-api-session-id: (\w+)", reply)[0] for reply in replies]
    assert all(server.is_alive(token.decode()) for token in tokens)
    server.stop()


def line_to(server: Server) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    return server.tls().wrap_socket(plain, server_hostname="127.0.0.1")


def read_all(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65536), b""))


def test_workers_do_not_outlive_their_parent(make_server: MakeServer, redis: Redis) -> None:
    """They would keep its doors, and the next server could not open them."""
    server = make_server(settings=shared_settings(redis.url, store=prefix("parent")))
    token, port = server.vim_token(USER), server.port
    pids = [line["pid"] for line in wait_for(server, "worker started", 2)]
    server.kill9()
    wait_until(lambda: not any(alive(pid) for pid in pids))
    server.flags = ("--listen", f"127.0.0.1:{port}")
    server.start()
    assert server.port == port
    assert server.is_alive(token)
    server.stop()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("memory:", "the memory store lives inside one process"),
        ("sqlite:sessiongate.db", "one process owns a SQLite store's sessions"),
    ],
)
def test_stores_of_one_process_take_one_worker(url: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'[server]\nworkers = 2\n[store]\nurl = "{url}"\n', encoding="utf-8")
    done = run_command(
        *("serve", "--config", str(file), "--data-dir", str(tmp_path / "data")),
        *("--listen", "127.0.0.1:0"),
    )
    assert done.code == 2
    assert f"server.workers: must be 1: {why}" in done.err
    assert "Traceback" not in done.err


def test_workers_whose_redis_is_not_there_do_not_start(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    url = f"redis://127.0.0.1:{free_port()}"
    file.write_text(shared_settings(url), encoding="utf-8")
    done = run_command(
        *("serve", "--config", str(file), "--data-dir", str(tmp_path / "data")),
        *("--listen", "127.0.0.1:0"),
    )
    assert done.code != 0
    assert "see that it runs" in done.err
    assert "worker 0 did not start" in done.err
    assert "Traceback" not in done.err
