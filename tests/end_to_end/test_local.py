"""Who counts as local, over the network: behind a proxy nobody, and at a socket each user apart."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.serving import USER, Reply, Server, vim, with_people
from tests.until import PATIENCE

OFFERED = "[dialects.vsphere]\nlocal_tickets = true\n"
ASK = {"userName": USER[0]}

# As a client of another account: who may run tests as root may try it.
AS_SOMEBODY = """
import http.client, json, socket, sys
path, request = sys.argv[1:]
class Door(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
door = Door("localhost", timeout=60)
door.request("POST", *json.loads(request))
answer = door.getresponse()
print(json.dumps([answer.status, json.loads(answer.read())]))
"""


@pytest.fixture
def door() -> Iterator[str]:
    """A path that other accounts may come to: each start of pytest shuts its folders to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield str(Path(folder) / "gate.sock")


@pytest.fixture
def offering(tmp_path: Path, door: str) -> Iterator[Server]:
    """A server that offers local tickets, by TCP and by a Unix socket that anybody may open."""
    flags = ("--listen", "127.0.0.1:0", "--listen", f"unix:{door}")
    with with_people(tmp_path / "data", settings=OFFERED, flags=flags) as server:
        Path(door).chmod(0o666)
        yield server
        server.stop()


def fault(reply: Reply) -> str:
    return str(reply.json()["_typeName"])


def test_sec_79_local_tickets_are_off_by_default(server: Server) -> None:
    for name in (USER[0], "nobody-knows", "norbert"):
        reply = server.call("AcquireLocalTicket", None, {"userName": name})
        assert fault(reply) == "NotSupported"
        assert str(server.data_dir).encode() not in reply.body
    assert not (server.data_dir / "local-tickets").exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.5"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=203.0.113.5"},
        {"X-Real-IP": "203.0.113.5"},
        {"Via": "1.1 proxy"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_sec_79_behind_a_proxy_that_nobody_has_named_nobody_is_local(
    headers: dict[str, str], offering: Server, door: str
) -> None:
    """Neither a ticket, nor our paths, nor who exists: by TCP and by the socket."""
    assert fault(offering.call("AcquireLocalTicket", None, ASK)) == "SessionManagerLocalTicket"
    for name in (USER[0], "nobody-knows", "norbert"):
        asked = (vim("AcquireLocalTicket"), headers, {"userName": name})
        by_tcp = offering.request("POST", *asked)
        with offering.connected_locally(door) as client:
            by_socket = client.request("POST", *asked)
        for reply in (by_tcp, by_socket):
            assert fault(reply) == "InvalidRequest"
            assert str(offering.data_dir).encode() not in reply.body
            assert "norbert" not in reply.body.decode()


def test_sec_79_a_ticket_is_no_password_behind_a_proxy(offering: Server) -> None:
    path = offering.call("AcquireLocalTicket", None, ASK).json()["passwordFilePath"]
    login = {**ASK, "password": Path(path).read_text()}
    behind = offering.request("POST", vim("Login"), {"Via": "1.1 proxy"}, login)
    assert fault(behind) == "InvalidLogin"
    assert fault(offering.request("POST", vim("Login"), {}, login)) == "UserSession"


def by_somebody(user: int, door: str, path: str, body: dict[str, str]) -> tuple[int, Any]:
    """Ask by the Unix socket as this user."""
    asked = json.dumps([path, json.dumps(body), {"Content-Type": "application/json"}])
    done = subprocess.run(
        [sys.executable, "-I", "-c", AS_SOMEBODY, door, asked],
        user=user,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        cwd="/",
    )
    status, answer = json.loads(done.stdout)
    return status, answer


def runs_for_others() -> bool:
    """Whether another account can run this Python; it cannot where that is below root's home."""
    ours = [Path(sys.executable).resolve(), Path(os.__file__)]
    return all(one.stat().st_mode & 0o001 for path in ours for one in path.parents)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
@pytest.mark.skipif(not runs_for_others(), reason="nobody but root can run this Python")
def test_sec_79_users_of_a_socket_are_counted_apart(offering: Server, door: str) -> None:
    login = vim("Login")
    for _ in range(5):
        status, answer = by_somebody(4001, door, login, {**ASK, "password": "wrong"})
        assert (status, answer["_typeName"]) == (500, "InvalidLogin")
    right = {**ASK, "password": USER[1]}
    assert by_somebody(4001, door, login, right)[1]["_typeName"] == "InvalidLogin"
    status, session = by_somebody(4002, door, login, right)
    assert (status, session["ipAddress"]) == (200, door)
    # And a local ticket is only for who could read it.
    ticket = by_somebody(4002, door, vim("AcquireLocalTicket"), ASK)
    assert ticket[1]["_typeName"] == "InvalidRequest"
    assert by_somebody(0, door, vim("AcquireLocalTicket"), ASK)[0] == 200


def test_sec_79_a_named_proxy_at_a_socket_says_who_its_clients_are(
    tmp_path: Path, door: str
) -> None:
    settings = f'[server]\ntrusted_proxies = ["unix"]\n{OFFERED}'
    flags = ("--listen", "127.0.0.1:0", "--listen", f"unix:{door}")
    with with_people(tmp_path / "data", settings=settings, flags=flags) as server:
        who = {"userName": USER[0], "password": USER[1]}
        claim = {"X-Forwarded-For": "203.0.113.5"}
        with server.connected_locally(door) as client:
            reply = client.request("POST", vim("Login"), claim, who)
            assert reply.json()["ipAddress"] == "203.0.113.5"
            assert fault(client.request("POST", vim("AcquireLocalTicket"), {}, ASK)) == (
                "InvalidRequest"
            )
        assert server.request("POST", vim("Login"), claim, who).json()["ipAddress"] == "127.0.0.1"
        server.stop()
        assert doubts(server.log.lines) == []


def doubts(lines: list[str]) -> list[str]:
    """What is warned of about listeners."""
    said = (json.loads(line) for line in lines if '"about":"listeners"' in line)
    return [one["why"] for one in said if one["level"] == "warning"]


def test_sec_79_the_start_and_check_warn_where_clients_cannot_be_told_apart(
    tmp_path: Path, door: str
) -> None:
    settings = f'[server]\nplain_http = true\nlisten = ["127.0.0.1:0", "unix:{door}"]\n'
    with with_people(tmp_path / "data", settings=settings) as server:
        assert server.log.wait_for(lambda lines: len(doubts(lines)) == 2)
        told = doubts(server.log.lines)
        assert sum("server.plain_http" in why for why in told) == 1
        assert sum("Unix socket" in why for why in told) == 1
        assert all("server.trusted_proxies" in why for why in told)
        checked = server.run("check", "--output", "json")
        notes = [row["detail"] for row in checked.json()["checks"] if row["check"] == "listeners"]
        assert len(notes) == 2
        server.stop()
        named = 'trusted_proxies = ["127.0.0.1", "unix"]'
        server.settings = settings.replace("plain_http = true", f"plain_http = true\n{named}")
        server.start()
        server.stop()
        assert doubts(server.log.lines) == []
