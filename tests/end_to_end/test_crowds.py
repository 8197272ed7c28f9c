"""Many at once: idle connections by the thousand, clients that dawdle, everybody at the door."""

import asyncio
import json
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sessiongate.identity.local.users_file import list_users
from tests.basic import basic
from tests.end_to_end.many import running, shared_settings
from tests.end_to_end.serving import USER, Client, Server, vim, with_people
from tests.peers import redis as peer
from tests.peers.redis import Redis
from tests.until import PATIENCE

MakeServer = Callable[..., Server]

IDLE = 10_000

# Files besides those connections: the server's own, and pytest's.
SPARE = 1_000

# What a check may take while others crowd: an idle machine of two processors that does the clients'
# work as well answers within a twentieth of it. Behind all their hashes it would take a minute.
PROMPT = 10.0

# As many as a client may send that is never cut off: each is its second.
BYTES = 20
SECOND = 1.0


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """So many open files for us and for the servers that we start, or the test is skipped."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"only {hard} open files are allowed here; this takes {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_ten_thousand_idle_connections_are_in_nobodys_way(tmp_path: Path) -> None:
    """Without TLS, whose handshakes would be what this measures."""
    with ExitStack() as opened:
        opened.enter_context(many_files(IDLE + SPARE))
        server = with_people(tmp_path / "data", flags=("--plain-http",))
        opened.enter_context(server)
        client = opened.enter_context(server.connected())
        body = json.dumps({"userName": USER[0], "password": USER[1]})
        token = client.request("POST", vim("Login"), (), body).header("vmware-api-session-id") or ""
        for _ in range(IDLE):
            line = opened.enter_context(socket.socket())
            line.connect(("127.0.0.1", server.port))
        times = sorted(_check(client, token) for _ in range(500))
        assert times[-1] < PROMPT
        assert times[len(times) // 2] < PROMPT / 20
        # A new client comes in as well.
        with server.connected() as other:
            assert _check(other, token) < PROMPT
        server.stop()


def _check(client: Client, token: str) -> float:
    began = time.monotonic()
    headers = {"vmware-api-session-id": token}
    assert client.request("GET", vim("currentSession"), headers).json()["userName"] == USER[0]
    return time.monotonic() - began


HEAD = b"GET /v1/session HTTP/1.1\r\nHost: x\r\nUser-Agent: " + b"a" * 1000
BODY = b"POST /v1/session/add HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begun", "sent_at_once"), [(HEAD, 0), (BODY, len(BODY))], ids=["head", "body"]
)
def test_sec_47_one_byte_a_second_is_cut_off(
    begun: bytes, sent_at_once: int, make_server: MakeServer
) -> None:
    server = make_server(
        settings='[server.limits]\nheader_time = "1s"\nbody_time = "1s"\n', flags=("--plain-http",)
    )
    token = ""
    answers: list[bytes] = []

    def dawdle() -> None:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as line:
            line.settimeout(SECOND)
            line.sendall(begun[:sent_at_once])
            for at in range(BYTES):
                line.sendall((begun + b"x" * BYTES)[sent_at_once + at : sent_at_once + at + 1])
                try:
                    answers.append(line.recv(4096))
                except TimeoutError:
                    continue  # a second has passed
                return

    with server.connected() as client:
        body = json.dumps({"userName": USER[0], "password": USER[1]})
        token = client.request("POST", vim("Login"), (), body).header("vmware-api-session-id") or ""
        with running([dawdle] * 30):
            assert max(_check(client, token) for _ in range(200)) < PROMPT
    # After the limit, the sweep that comes once a second, and the client's own second.
    assert len(answers) == 30
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    server.stop()


# Everybody at the door

STORM = 2_000
CHECKED = 200


class Wire:
    """A connection of the event loop, for many at once; `ask` returns status, headers, body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, server: Server) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def ask(
        self, verb: str, path: str, headers: str = "", body: bytes = b""
    ) -> tuple[int, str, bytes]:
        length = f"Content-Length: {len(body)}\r\n" if verb == "POST" else ""
        self._writer.write(f"{verb} {path} HTTP/1.1\r\nHost: x\r\n{length}{headers}\r\n".encode())
        self._writer.write(body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        size = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        return int(head.split(" ", 2)[1]), head, await self._reader.readexactly(size)

    def close(self) -> None:
        self._writer.close()


async def _storm(server: Server) -> list[tuple[int, str]]:
    """Two thousand users log in at once, each by a connection of his own."""

    async def one(number: int) -> tuple[int, str]:
        wire = await Wire.to(server)
        try:
            login = f"Authorization: {basic(f'storm{number}', USER[1])}\r\n"
            status, head, _ = await wire.ask("POST", "/v1/session/add", login)
            return status, head
        finally:
            wire.close()

    return await asyncio.gather(*(one(number) for number in range(STORM)))


async def _go_on_checking(
    wires: list[Wire], tokens: list[str], over: Callable[[], bool]
) -> list[float]:
    """Each of these sessions is used again and again; how long each answer took."""
    times: list[float] = []

    async def one(wire: Wire, token: str) -> None:
        while not over():
            began = time.monotonic()
            status, _, body = await wire.ask(
                "GET", "/v1/serverDateTime", f"x-zerto-session: {token}\r\n"
            )
            times.append(time.monotonic() - began)
            assert status == 200, body
            await asyncio.sleep(0)

    await asyncio.gather(*(one(wire, token) for wire, token in zip(wires, tokens, strict=True)))
    return times


def crowd(data_dir: Path) -> None:
    """Users by the thousand: one password's hash for all, as it takes too long to make each."""
    path = data_dir / "users.toml"
    stored = next(user.stored for user in list_users(path) if user.name == USER[0])
    with path.open("a", encoding="utf-8") as file:
        for number in range(STORM):
            file.write(f'\n[users.storm{number}]\npassword = "{stored}"\nrole = "user"\n')


@pytest.mark.slow
@pytest.mark.peer
def test_sec_28_a_storm_of_logins_holds_up_no_check_and_loses_nothing(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with ExitStack() as opened:
        opened.enter_context(many_files(2 * STORM + SPARE))
        own = opened.enter_context(Redis(tmp_path / "redis"))
        # Without TLS: two thousand handshakes cost this side more than the server.
        # A busy machine's Redis is no outage: that checks are not held up is asked for below.
        settings = shared_settings(
            own.url, more="plain_http = true", store=f'timeout = "{PATIENCE:.0f}s"'
        )
        server = with_people(tmp_path / "data", settings=settings)
        crowd(server.data_dir)
        opened.enter_context(server)
        times, answers, tokens = _weather(server)
        assert len(times) > CHECKED
        assert max(times) < PROMPT, sorted(times)[-10:]
        counted = Counter(status for status, _ in answers)
        assert set(counted) <= {200, 503}, counted
        assert counted[200] > 0
        assert all("\r\nretry-after: " in head for status, head in answers if status == 503)
        tokens += [_token(head) for status, head in answers if status == 200]
        assert len(set(tokens)) == CHECKED + counted[200]
        with server.connected() as client:
            for token in tokens:
                reply = client.request("GET", "/v1/serverDateTime", {"x-zerto-session": token})
                assert reply.status == 200, "a session is lost"
        # A login that was told to come back has left nothing behind.
        listed = server.run("sessions", "list", "--output", "json").json()
        assert len(listed) == len(tokens)
        server.stop()


def _token(head: str) -> str:
    return head.partition("x-zerto-session: ")[2].partition("\r\n")[0]


def _weather(server: Server) -> tuple[list[float], list[tuple[int, str]], list[str]]:
    """How long checks took during the storm, what the storm was told, and who was checked."""
    tokens: list[str] = []
    times: list[float] = []
    answers: list[tuple[int, str]] = []
    is_calm, is_over = threading.Event(), threading.Event()

    async def go_on() -> None:
        wires = [await Wire.to(server) for _ in range(CHECKED)]
        for wire in wires:
            login = f"Authorization: {basic(*USER)}\r\n"
            status, head, _ = await wire.ask("POST", "/v1/session/add", login)
            assert status == 200
            tokens.append(_token(head))
        is_calm.set()
        times.extend(await _go_on_checking(wires, tokens, is_over.is_set))
        for wire in wires:
            wire.close()

    # In a thread of its own: what is measured is the server and not a loop full of logins.
    with running([lambda: asyncio.run(go_on())]):
        try:
            logged_in = -1
            while not is_calm.wait(PATIENCE):
                assert len(tokens) > logged_in, "no login in all this time"
                logged_in = len(tokens)
            answers += asyncio.run(_storm(server))
        finally:
            is_over.set()
    return times, answers, tokens
