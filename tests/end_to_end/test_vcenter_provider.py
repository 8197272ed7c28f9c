"""Logins that a vCenter decides: a second sessiongate as the vCenter, and the simulator as one."""

import json
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from signal import SIGSTOP
from typing import Any

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import USER, Reply, Server, add_people, environment
from tests.peers.setup import program
from tests.peers.simulator import simulator
from tests.until import PATIENCE

# Each of these starts a server of its own, or several.
pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "zerto.py"

VERA = ("vera", "vera's <pass> & 1")
IDLE = ("idle", "may do nothing 1")
BOSS = ("boss", "boss's pass 1")

UPSTREAM = """
[identity.local]
type = "file"
domains = ["corp.example"]
"""


def front(trust: str, url: str, more: str = "") -> str:
    """The settings of a server that asks a vCenter for method 1 and for its domain."""
    return f"""
    [lockout]
    attempts = 1
    [identity.local]
    type = "file"
    [identity.vc]
    type = "vcenter"
    url = "{url}"
    domains = ["corp.example"]
    {trust}
    {more}
    [identity.vc.roles]
    boss = "administrator"
    [dialects.zerto]
    hypervisor = "vc"
    """


def pinned(port: int, digest: Any) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    raw = digest(ssl.PEM_cert_to_DER_cert(pem)).digest()
    return f'fingerprint = "{raw.hex(":").upper()}"'


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """A sessiongate that is somebody's vCenter."""
    folder = tmp_path / "upstream"
    people = {VERA: "user", IDLE: "no-access", BOSS: "user"}
    add_people(folder / "users.toml", people)
    with Server(folder, settings=UPSTREAM) as running:
        yield running


def login(server: Server, person: tuple[str, str], method: int = 1) -> Reply:
    return server.zerto_login(*person, {"AuthenticationMethod": method})


def sessions(server: Server) -> list[dict[str, Any]]:
    listed = server.run("sessions", "list", "--output", "json").json()
    assert isinstance(listed, list)
    return listed


def test_the_zerto_sample_with_a_vcenter_user(upstream: Server, make_server: MakeServer) -> None:
    server = make_server(settings=front(f'ca = "{upstream.ca}"', upstream.url))
    done = subprocess.run(
        [sys.executable, SAMPLE, "--url", server.url, "--ca", server.ca, "--method", "1"],
        env=environment({"SG_USER": VERA[0], "SG_PASSWORD": VERA[1]}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("session started\nserver time ")
    assert "session opened" in upstream.log.text
    assert sessions(upstream) == []
    assert VERA[1] not in server.log.text + upstream.log.text


def trust_in(upstream: Server, how: str) -> str:
    if how == "ca":
        return f'ca = "{upstream.ca}"'
    return pinned(upstream.port, {"sha1": sha1, "sha256": sha256}[how])


@pytest.mark.parametrize("how", ["ca", "sha1", "sha256"])
def test_what_the_vcenter_says_of_its_users(
    upstream: Server, make_server: MakeServer, how: str
) -> None:
    server = make_server(settings=front(trust_in(upstream, how), upstream.url))
    assert login(server, VERA).status == 200
    assert login(server, BOSS).status == 200
    token = server.vim_token((f"CORP.EXAMPLE\\{VERA[0]}", VERA[1]))
    current = server.get("currentSession", token).json()
    assert (current["userName"], current["fullName"]) == ("vera", "vera")
    roles = {one["user"]: one["roles"] for one in sessions(server)}
    assert roles == {"vera": ["user"], "boss": ["administrator"]}
    assert {one["provider"] for one in sessions(server)} == {"vc"}
    assert sessions(upstream) == []


def test_the_name_as_typed_is_a_name_of_the_session(
    upstream: Server, make_server: MakeServer
) -> None:
    """The vCenter alone knows that both are one person, and cannot be asked."""
    server = make_server(settings=front(trust_in(upstream, "ca"), upstream.url))
    typed = f"CORP.EXAMPLE\\{BOSS[0]}"
    token = server.vim_token((typed, BOSS[1]))
    current = server.get("currentSession", token).json()
    assert current["userName"] == "boss"
    for name, is_active in ((typed, True), ("boss", True), ("CORP.EXAMPLE\\vera", False)):
        asked = {"sessionID": current["key"], "userName": name}
        assert server.call("SessionIsActive", token, asked).json() is is_active


def test_sec_32_each_method_asks_its_own_provider(
    upstream: Server, make_server: MakeServer
) -> None:
    server = make_server(settings=front(trust_in(upstream, "ca"), upstream.url))
    assert login(server, VERA, method=0).status == 401
    assert "vera" not in upstream.log.text
    assert login(server, USER, method=1).status == 401
    assert "ursula" in upstream.log.text
    assert login(server, USER, method=0).status == 200


def test_a_wrong_password_is_refused_and_counts(upstream: Server, make_server: MakeServer) -> None:
    server = make_server(settings=front(trust_in(upstream, "ca"), upstream.url))
    assert login(server, (VERA[0], "wrong")).status == 401
    # One failed try locks here: the right one is not even asked about.
    assert login(server, VERA).status == 401
    assert upstream.log.text.count("login refused") == 1
    assert "session opened" not in upstream.log.text


def test_who_may_do_nothing_there_has_no_permission_here(
    upstream: Server, make_server: MakeServer
) -> None:
    server = make_server(settings=front(trust_in(upstream, "ca"), upstream.url))
    assert login(server, IDLE).status == 403
    reply = server.vim_login(f"{IDLE[0]}@corp.example", IDLE[1])
    assert (reply.status, reply.json()["_typeName"]) == (500, "NoPermission")
    # Nor was that a failed try.
    assert login(server, IDLE).status == 403
    assert sessions(server) == []


def test_sec_67_a_wrong_certificate_is_told_no_password(
    upstream: Server, make_server: MakeServer
) -> None:
    wrong = make_server(settings=front("", upstream.url))
    other = make_server(settings=front(f'ca = "{wrong.ca}"', upstream.url))
    pin = make_server(settings=front(f'fingerprint = "{"00" * 32}"', upstream.url))
    for server in (wrong, other, pin):
        reply = login(server, VERA)
        assert reply.status == 503
        assert "certificate is not the one" in server.log.text
    assert "vera" not in upstream.log.text


def test_sec_67_no_verification_is_loud(upstream: Server, make_server: MakeServer) -> None:
    server = make_server(settings=front("verify = false", upstream.url))
    assert login(server, VERA).status == 200
    loud = [json.loads(line) for line in server.log.lines if "not verified" in line]
    assert [one["level"] for one in loud] == ["error"]


@dataclass
class HalfLine:
    """A listener that passes on one connection's first bytes, then waits for the other end."""

    target: int

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = int(self.listener.getsockname()[1])

    def begin(self) -> tuple[socket.socket, socket.socket]:
        """Both ends of a connection on which the caller has begun to speak."""
        near, _ = self.listener.accept()
        far = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
        far.sendall(near.recv(65536))
        return near, far


def ended(line: socket.socket) -> bool:
    """Whether the other end has gone away without a word."""
    with line:
        try:
            return line.recv(1) == b""
        except ConnectionResetError:
            return True


def reset(line: socket.socket) -> None:
    """Close it as the system does when a process has died."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def test_a_vcenter_killed_in_the_middle_of_a_login(
    upstream: Server, make_server: MakeServer
) -> None:
    line = HalfLine(upstream.port)
    url = f"https://127.0.0.1:{line.port}"
    server = make_server(settings=front(trust_in(upstream, "ca"), url))
    upstream.signal(SIGSTOP)
    with ThreadPoolExecutor(1) as pool, line.listener:
        waiting = pool.submit(login, server, VERA)
        near, far = line.begin()
        upstream.kill9()
        assert ended(far)
        reset(near)
        reply = waiting.result(PATIENCE)
    assert reply.status == 503
    assert reply.header("retry-after") == "5"
    # The server lives on, and knows its own.
    assert login(server, USER, method=0).status == 200
    assert "Traceback" not in server.log.text


def test_an_outage_is_no_failed_try(upstream: Server, make_server: MakeServer) -> None:
    port = upstream.port
    server = make_server(settings=front(trust_in(upstream, "ca"), upstream.url))
    upstream.kill9()
    for _ in range(2):
        assert login(server, VERA).status == 503
    upstream.flags = ("--listen", f"127.0.0.1:{port}")
    upstream.start()
    # One failed try would have locked.
    assert login(server, VERA).status == 200
    assert sessions(upstream) == []


def test_after_some_outages_nobody_waits_for_the_next(
    upstream: Server, make_server: MakeServer
) -> None:
    server = make_server(settings=front(trust_in(upstream, "ca"), upstream.url))
    upstream.kill9()
    told = [login(server, VERA).header("retry-after") for _ in range(5)]
    assert told == ["5"] * 5
    reply = login(server, VERA)
    assert reply.status == 503
    assert 5 < int(reply.header("retry-after") or 0) <= 10
    assert "identity provider is down" in server.log.text
    # Others are asked as ever.
    assert login(server, USER, method=0).status == 200


# The simulator

SIMULATED = ("simon", "simon's pass 1")


@pytest.fixture(name="simulator")
def a_simulator() -> Iterator[int]:
    """The port of a fresh simulator that knows one user."""
    with simulator(*SIMULATED) as port:
        yield port


def listed(port: int) -> list[str]:
    """Whose sessions the simulator has, by what opened them."""
    govc = program("govc")
    if not govc.exists():
        pytest.skip("govc is not built: run tests/peers/setup.py")
    user, password = SIMULATED
    told = {
        "GOVC_URL": f"https://127.0.0.1:{port}/sdk",
        "GOVC_USERNAME": user,
        "GOVC_PASSWORD": password,
        "GOVC_INSECURE": "1",
        "GOVC_PERSIST_SESSION": "false",
    }
    done = subprocess.run(
        [govc, "session.ls", "-json"],
        env=environment(told),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [one["userAgent"] for one in json.loads(done.stdout)["sessionList"]]


@pytest.mark.peer
@pytest.mark.parametrize("form", ["auto", "soap"])
def test_the_simulator_vouches_by_soap(simulator: int, make_server: MakeServer, form: str) -> None:
    # It does not speak VI/JSON, and says so as an old vCenter does.
    url = f"https://127.0.0.1:{simulator}"
    trust = pinned(simulator, sha256)
    server = make_server(settings=front(trust, url, f'form = "{form}"'))
    before = listed(simulator)
    assert login(server, SIMULATED).status == 200
    assert [one["user"] for one in sessions(server)] == ["simon"]
    assert listed(simulator) == before
    assert login(server, ("other", "wrong")).status == 401
    assert login(server, SIMULATED, method=0).status == 401
    assert listed(simulator) == before
    assert "upstream session left open" not in server.log.text
    assert ("upstream speaks another form" in server.log.text) == (form == "auto")
