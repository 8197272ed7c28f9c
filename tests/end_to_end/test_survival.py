"""What survives: kill -9 under load, restarts, a second process, a disk that is full."""

import http.client
import random
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.basic import basic
from tests.end_to_end.serving import (
    ADMIN,
    OTHER,
    PEOPLE,
    USER,
    Client,
    Server,
    add_people,
    run_command,
    run_here,
    session,
    vim,
)
from tests.until import PATIENCE, wait_until

# Each of these starts a server of its own, or several.
pytestmark = pytest.mark.slow

MakeServer = Callable[..., Server]

# Ends of a connection whose server was killed in the middle.
GONE = (OSError, http.client.HTTPException, ssl.SSLError)
ROUNDS = 10
WORKERS = 4


@dataclass
class Book:
    """What one client was told: a login counts when its reply has come, and so does a logout."""

    opened: set[str] = field(default_factory=set)
    ending: set[str] = field(default_factory=set)
    """Logouts sent, whose reply may never come: such a session may live or not."""
    ended: set[str] = field(default_factory=set)

    @property
    def must_live(self) -> set[str]:
        return self.opened - self.ending


def _stream(
    server: Server, book: Book, enough: threading.Semaphore, person: tuple[str, str]
) -> None:
    """Log in and out on one connection until the server is gone, alternating the dialects."""
    context = server.tls()
    connection = http.client.HTTPSConnection(
        "127.0.0.1", server.port, context=context, timeout=PATIENCE
    )
    client = Client(connection)
    chance = random.Random(server.port)
    try:
        with suppress(*GONE):
            while True:
                token = _login(client, person, zerto=chance.random() < 0.5)
                book.opened.add(token)
                enough.release()
                if chance.random() < 0.6:
                    leaving = chance.choice(sorted(book.must_live))
                    book.ending.add(leaving)
                    _logout(client, leaving, zerto=chance.random() < 0.5)
                    book.ended.add(leaving)
    finally:
        client.close()


def _login(client: Client, person: tuple[str, str], *, zerto: bool) -> str:
    if zerto:
        reply = client.request("POST", "/v1/session/add", {"Authorization": basic(*person)})
        token = reply.header("x-zerto-session")
    else:
        body = {"userName": person[0], "password": person[1]}
        reply = client.request("POST", vim("Login"), {}, body)
        token = reply.header("vmware-api-session-id")
    assert reply.status == 200, reply
    assert token
    return token


def _logout(client: Client, token: str, *, zerto: bool) -> None:
    if zerto:
        reply = client.request("DELETE", "/v1/session", {"x-zerto-session": token})
        assert reply.status == 200, reply
    else:
        reply = client.request("POST", vim("Logout"), session(token))
        assert reply.status == 204, reply


def _one_has_ended(books: list[Book]) -> bool:
    return any(book.ended for book in books)


def _alive(server: Server, tokens: set[str]) -> set[str]:
    with server.connected() as client:
        return {
            token
            for token in tokens
            if client.request("GET", vim("currentSession"), session(token)).json() is not None
        }


def test_sec_10_kill_9_loses_no_login_and_revives_no_logout(server: Server) -> None:
    """Ten times, on one data directory, each time after another number of logins."""
    books: list[Book] = []
    for number in range(ROUNDS):
        # Warm up the credentials: a round is about sessions, not about slow hashes.
        books.append(Book(opened={server.vim_token(USER), server.vim_token(OTHER)}))
        enough = threading.Semaphore(0)
        running = [Book() for _ in range(WORKERS)]
        threads = [
            threading.Thread(target=_stream, args=(server, book, enough, (USER, OTHER)[place % 2]))
            for place, book in enumerate(running)
        ]
        for thread in threads:
            thread.start()
        for _ in range(15 + 9 * number):
            assert enough.acquire(timeout=PATIENCE), "the logins came to a halt"
        wait_until(partial(_one_has_ended, running))
        server.kill9()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        books += running
        server.start()
        must_live = set().union(*(book.must_live for book in books))
        ended = set().union(*(book.ended for book in books))
        assert ended
        assert _alive(server, must_live) == must_live, "an acknowledged login is lost"
        assert _alive(server, ended) == set(), "an ended session lives again"
    server.stop()


def test_sessions_outlive_a_restart_with_all_their_facts(server: Server) -> None:
    token = server.vim_token(USER, locale="de")
    for _ in range(3):
        assert server.is_alive(token)
    before = server.get("currentSession", token).json()
    assert before["callCount"] == 4
    server.restart()
    after = server.get("currentSession", token).json()
    assert after["callCount"] == 5
    assert after["lastActiveTime"] > before["lastActiveTime"]
    times = {"callCount": 0, "lastActiveTime": ""}
    assert {**after, **times} == {**before, **times}


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        (("users", "disable", USER[0]), ""),
        (("users", "remove", USER[0]), ""),
        (("users", "role", USER[0], "operator"), ""),
        (("users", "passwd", USER[0], "--password-stdin"), "another password\n"),
    ],
    ids=["disabled", "removed", "role", "password"],
)
def test_a_user_who_changes_while_no_server_runs_has_no_session_after(
    command: tuple[str, ...], stdin: str, server: Server
) -> None:
    theirs, others = server.vim_token(USER), server.vim_token(OTHER)
    server.stop()
    assert run_here(*command, "--data-dir", str(server.data_dir), stdin=stdin).code == 0
    server.start()
    assert _alive(server, {theirs, others}) == {others}


def test_a_users_file_changed_by_hand_while_no_server_runs_counts_too(server: Server) -> None:
    theirs, others = server.vim_token(USER), server.vim_token(OTHER)
    server.stop()
    users = server.data_dir / "users.toml"
    users.unlink()
    add_people(users, {OTHER: PEOPLE[OTHER]})
    server.start()
    assert _alive(server, {theirs, others}) == {others}


def test_tickets_are_used_up_for_good(server: Server) -> None:
    """A clone ticket that was taken before kill -9 is not there again after it."""
    token = server.vim_token(USER)
    used, unused = (server.call("AcquireCloneTicket", token).json() for _ in range(2))
    assert server.call("CloneSession", None, {"cloneTicket": used}).status == 200
    server.kill9()
    server.start()
    assert server.call("CloneSession", None, {"cloneTicket": used}).status == 500
    assert server.call("CloneSession", None, {"cloneTicket": unused}).status == 200


def test_a_memory_store_forgets(make_server: MakeServer) -> None:
    server = make_server(settings='[store]\nurl = "memory:"\n')
    token = server.vim_token(USER)
    server.restart()
    assert not server.is_alive(token)
    assert not list(server.data_dir.glob("*.db*"))


def test_a_second_process_on_the_same_data_is_refused(server: Server) -> None:
    token = server.vim_token(USER)
    second = run_command("serve", "--data-dir", str(server.data_dir), "--listen", "127.0.0.1:0")
    assert second.code == 1
    assert "belongs to" in second.err
    assert server.process is not None
    assert str(server.process.pid) in second.err
    assert "Traceback" not in second.err
    # The first one did not notice.
    assert server.is_alive(token)
    assert server.run("sessions", "list", "--output", "json").code == 0
    server.kill9()
    server.start()
    assert server.is_alive(token)


def test_an_address_that_is_taken(server: Server) -> None:
    other = server.data_dir.with_name("other")
    second = run_command("serve", "--data-dir", str(other), "--listen", f"127.0.0.1:{server.port}")
    assert second.code == 2
    assert f"127.0.0.1:{server.port} cannot be had" in second.err
    assert "Traceback" not in second.err


# Enough for the store's first pages and the certificates, and for nothing much beyond.
FULL = 160 * 1024


def test_a_full_disk_refuses_logins_and_goes_on_checking(make_server: MakeServer) -> None:
    server = make_server(file_limit=FULL)
    tokens = [server.vim_token(USER)]
    refused = None
    for _ in range(2000):
        reply = server.vim_login(*USER)
        if reply.status != 200:
            refused = reply
            break
        tokens.append(reply.header("vmware-api-session-id") or "")
    assert refused is not None, "the disk did not fill"
    assert refused.status == 503
    assert refused.json()["_typeName"] == "SystemError"
    assert refused.header("retry-after")
    assert refused.header("vmware-api-session-id") is None
    zerto = server.zerto_login(*USER)
    assert zerto.status == 503
    assert list(zerto.json()) == ["Message"]
    assert zerto.header("x-zerto-session") is None
    for reply in (refused, zerto):
        assert "sqlite" not in reply.body.decode().lower()
        assert str(server.data_dir) not in reply.body.decode()
    assert server.log.wait_for(
        lambda lines: any("store cannot write; logins are refused" in line for line in lines)
    )
    # Checks go on, and no refused login left a session behind.
    assert all(server.is_alive(token) for token in tokens)
    listed = server.run("sessions", "list", "--output", "json").json()
    assert len(listed) == len(tokens)
    # Room again: everything that was acknowledged is there.
    server.kill9()
    server.file_limit = None
    server.start()
    assert all(server.is_alive(token) for token in tokens)
    assert server.vim_login(*ADMIN).status == 200


@pytest.mark.parametrize("damage", [b"not a database at all, only text" * 200])
def test_a_session_file_that_is_broken_is_not_overwritten(damage: bytes, server: Server) -> None:
    server.stop()
    path = server.data_dir / "sessiongate.db"
    for leftover in server.data_dir.glob("sessiongate.db-*"):
        leftover.unlink()
    path.write_bytes(damage)
    refused = run_command("serve", "--data-dir", str(server.data_dir), "--listen", "127.0.0.1:0")
    assert refused.code == 1
    assert str(path) in refused.err
    assert "Traceback" not in refused.err
    assert path.read_bytes() == damage
