"""The audit of a real server: the whole story, whole after kill -9, and a change is found."""

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sessiongate.audit import offline as inbox
from sessiongate.cli.control_client import refresh_users
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, USER, Client, Reply, Server, run_command, vim
from tests.peers.ports import free_port


def events(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.run("audit", "export").out.splitlines()]


def told(server: Server) -> list[tuple[str, ...]]:
    names = ("event", "result", "user", "subject", "dialect", "reason")
    return [tuple(event.get(name, "") for name in names) for event in events(server)]


def test_sec_69_the_audit_tells_the_whole_story(make_server: MakeServer) -> None:
    server = make_server()
    admin, user = server.vim_token(ADMIN), server.zerto_token(USER)
    server.zerto_login(USER[0], "wrong")
    key = server.get("currentSession", user).json()["key"]
    server.call("UpdateServiceMessage", user, {"message": "no"})
    server.call("TerminateSession", admin, {"sessionId": [key]})
    server.call("Logout", admin)
    server.run("users", "disable", USER[0])
    server.stop()
    story = told(server)
    assert story[0][:2] == ("server started", "ok")
    assert story[1:] == [
        ("session opened", "ok", ADMIN[0], "", "vi-json", ""),
        ("session opened", "ok", USER[0], "", "zerto", ""),
        ("login refused", "refused", USER[0], "", "zerto", "BadCredentials"),
        ("permission denied", "refused", USER[0], "", "zerto", "Sessions.GlobalMessage"),
        ("session ended", "ok", ADMIN[0], USER[0], "zerto", "terminated"),
        ("session ended", "ok", ADMIN[0], "", "vi-json", "logout"),
        ("user disabled", "ok", story[-3][2], USER[0], "", ""),
        ("account changed", "ok", "", USER[0], "", ""),
        ("server stopped", "ok", "", "", "", ""),
    ]
    assert story[-3][2].startswith("os:")


def test_sec_69_changes_by_many_commands_at_once_are_each_written_down_once(
    make_server: MakeServer,
) -> None:
    """Each command leaves its event and then has the server look, as the server does by itself."""
    server = make_server()
    names = [[f"u{number}-{turn}" for turn in range(25)] for number in range(4)]

    def commands(mine: list[str]) -> None:
        for name in mine:
            inbox.leave_event(server.data_dir, "user added", name)
            assert refresh_users(server.data_dir)

    with ThreadPoolExecutor(len(names)) as many:
        list(many.map(commands, names))
    server.stop()
    added = [one["subject"] for one in events(server) if one["event"] == "user added"]
    assert sorted(added) == sorted(name for mine in names for name in mine)


@pytest.mark.slow
def test_sec_70_the_audit_is_whole_after_kill_9_and_a_flipped_byte_is_found(
    make_server: MakeServer,
) -> None:
    server = make_server()
    tokens = [server.zerto_token(ADMIN) for _ in range(20)]
    for token in tokens[:10]:
        server.request("DELETE", "/v1/session", {"x-zerto-session": token})
    server.kill9()
    kinds = [event["event"] for event in events(server)]
    assert kinds.count("session opened") == 20
    assert kinds.count("session ended") == 10
    verified = server.run("audit", "verify", "--output", "json")
    assert (verified.code, verified.json()["whole"]) == (0, True)
    server.start()
    server.stop()
    assert server.run("audit", "verify").code == 0

    flip_a_byte(server.data_dir / "sessiongate.db")
    verified = server.run("audit", "verify", "--output", "json")
    assert (verified.code, verified.json()["whole"], verified.json()["broken_at"]) == (1, False, 5)


def strangers(server: Server) -> list[Callable[[Client, int], Reply]]:
    """Requests of somebody who has shown nothing, each refused in a moment."""

    def call(to: Client, method: str, **arguments: str) -> Reply:
        return to.request("POST", vim(method), (), arguments)

    return [
        lambda to, number: call(to, "CloneSession", cloneTicket=f"cst-{number}"),
        lambda to, number: call(
            to, "LoginExtensionByCertificate", extensionKey=f"com.example.x{number}"
        ),
        lambda to, number: call(to, "LoginByToken"),
        lambda to, number: call(to, "Login", userName="\\", password=f"{number}"),
        lambda to, number: call(to, "Login", userName=ADMIN[0], password="", locale="x" * 9),
        # No decision at all: nobody is named, and nothing is tried.
        lambda to, number: call(to, "Logout"),
        lambda to, number: to.request(
            "DELETE", "/v1/session", {"x-zerto-session": f"{number:040x}"}
        ),
        lambda to, number: to.request("POST", "/v1/session/add", {"authorization": "Basic !"}),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "rounds"),
    [("sqlite", 400), pytest.param("redis", 200, marks=pytest.mark.peer)],
    indirect=["store"],
)
def test_sec_78_thousands_of_anonymous_refusals_push_no_decision_out(
    make_server: MakeServer, store: Callable[[], str], rounds: int, tmp_path: Path
) -> None:
    file = tmp_path / "copies.jsonl"
    bounds = f'max_events = 100\nmax_anonymous_events = 20\nfile = "{file}"'
    server = make_server(settings=f"{store()}\n[audit]\n{bounds}\n")
    tokens = [server.vim_token(person) for person in (ADMIN, USER)]
    server.call("UpdateServiceMessage", tokens[1], {"message": "no"})
    server.zerto_login(USER[0], "wrong")
    before = [one for one in events(server) if "chain" not in one]
    assert len(before) == 5
    with server.connected() as client:
        for number in range(rounds):
            for ask in strangers(server):
                assert ask(client, number).status >= 400
    server.stop()
    kept = events(server)
    assert [one for one in kept if "chain" not in one][:5] == before
    anonymous = [one for one in kept if "chain" in one]
    assert len(anonymous) == 20
    merged = sum(one.get("merged", 0) for one in anonymous)
    verified = server.run("audit", "verify", "--output", "json").json()
    assert verified["whole"]
    assert (verified["events"], verified["merged"]) == (len(kept), merged)
    assert verified["let_go_since"] is not None
    table = server.run("audit", "verify").out
    assert "let go since" in table
    copies = [json.loads(line) for line in file.read_text().splitlines()]
    refused = [one for one in copies if one["event"] == "login refused"]
    strangers_had = [one for one in refused if one.get("user") != USER[0]]
    # They are merged by the minute, of which a busy machine takes some for this.
    assert len(strangers_had) < 400 * len({one["at"][:16] for one in strangers_had})
    assert sum(1 + one.get("merged", 0) for one in strangers_had) == 5 * rounds
    # Every refusal of a login is there, or has been let go with those that are merged in it.
    assert verified["let_go"] + len(anonymous) == len(strangers_had)


def test_sec_78_kill_9_loses_no_more_than_the_number_of_the_last_minute(
    make_server: MakeServer,
) -> None:
    server = make_server(settings="[audit]\nrefusals_per_minute = 2\n")
    for number in range(10):
        server.call("CloneSession", None, {"cloneTicket": f"cst-{number}"})
    for _ in range(4):
        server.zerto_login(USER[0], "wrong")
    server.kill9()
    told = [(one["reason"], one.get("user", "")) for one in events(server)[1:]]
    # Two that stood alone; and of a name that exists, the first also where nothing was left.
    assert told == [("BadTicket", "")] * 2 + [("BadCredentials", USER[0])]
    assert server.run("audit", "verify").code == 0


def flip_a_byte(path: Path) -> None:
    connection = sqlite3.connect(path)
    (payload,) = connection.execute("SELECT payload FROM audit WHERE number = 5").fetchone()
    changed = bytes([payload[0] ^ 1]) + bytes(payload[1:])
    connection.execute("UPDATE audit SET payload = ? WHERE number = 5", (changed,))
    connection.commit()
    connection.close()


SHARED = [pytest.param(one, marks=pytest.mark.peer) for one in ("redis", "cluster")]


@pytest.mark.parametrize("store", SHARED, indirect=True, scope="session")
def test_sec_70_the_audit_in_redis_is_whole_after_kill_9_too(
    make_server: MakeServer, store: Callable[[], str]
) -> None:
    settings = store()
    first, second = make_server(settings=settings), make_server(settings=settings)
    for _ in range(10):
        first.zerto_token(ADMIN)
        second.zerto_token(USER)
    verified = first.run("audit", "verify", "--output", "json")
    assert (verified.code, verified.json()["whole"]) == (0, True)
    head = verified.json()["head"]
    first.kill9()
    second.zerto_token(USER)
    second.stop()
    story = events(second)
    assert [one["event"] for one in story].count("session opened") == 21
    assert {one["user"] for one in story if one["event"] == "session opened"} == {ADMIN[0], USER[0]}
    assert second.run("audit", "verify", "--head", head).code == 0
    assert second.run("audit", "verify", "--head", "00" * 31 + "01").code == 1
    assert "server stopped" in second.run("audit", "tail", "-n", "1").out


def test_a_redis_that_is_away_is_named(server: Server) -> None:
    port = free_port()
    server.settings = f'[store]\nurl = "redis://127.0.0.1:{port}"\n'
    server.write_settings()
    told = server.run("audit", "tail")
    assert (told.code, told.out) == (3, "")
    assert f"the store at 127.0.0.1:{port} does not answer" in told.err
    assert "Traceback" not in told.err


@pytest.mark.slow
def test_sec_70_copies_go_to_a_file_and_the_store_keeps_no_more_than_it_should(
    make_server: MakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    server = make_server(settings=f'[audit]\nmax_events = 5\nfile = "{file}"\n')
    for _ in range(12):
        server.zerto_token(ADMIN)
    server.stop()
    server.start()
    server.stop()
    copies = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert copies.count("session opened") == 12
    kept = events(server)
    assert len(kept) < len(copies)
    assert server.run("audit", "verify").code == 0


def test_a_syslog_that_is_away_holds_up_neither_start_nor_stop(make_server: MakeServer) -> None:
    server = make_server(settings=f'[audit]\nsyslog = "tcp:127.0.0.1:{free_port()}"\n')
    assert server.zerto_token(ADMIN)
    server.stop()
    said = [one["event"] for one in map(json.loads, server.log.lines)]
    assert said.count("copies of audit events cannot be delivered") == 1
    assert said.count("copies of audit events were not delivered") == 1
    assert [one["event"] for one in events(server)][-1] == "server stopped"


def test_a_file_in_a_directory_that_is_not_there_is_an_error_of_its_setting(tmp_path: Path) -> None:
    done = run_command(
        "serve",
        *("--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0"),
        environ={"SESSIONGATE_AUDIT__FILE": str(tmp_path / "logs" / "audit.jsonl")},
    )
    assert done.code == 2
    assert f"audit.file: the directory {tmp_path}/logs does not exist" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "logs").exists()


def test_sec_18_the_audit_holds_no_secret(make_server: MakeServer) -> None:
    server = make_server()
    token = server.vim_token(ADMIN)
    ticket = server.call("AcquireCloneTicket", token).json()
    clone = server.call("CloneSession", None, {"cloneTicket": ticket})
    secrets = [token, ticket, clone.header("vmware-api-session-id") or "", ADMIN[1]]
    text = server.run("audit", "export").out
    assert all(secret and secret not in text for secret in secrets)


def test_a_tail_shows_the_last_events_in_a_table(make_server: MakeServer) -> None:
    server = make_server()
    server.zerto_login(USER[0], "wrong")
    shown = server.run("audit", "tail", "-n", "1").out
    assert "login refused" in shown
    assert "BadCredentials" in shown
    assert len(shown.splitlines()) == 2
