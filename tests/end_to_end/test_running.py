"""What commands say of the running server: where it listens, what it goes by, who asked it."""

import getpass
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sessiongate.app.listeners import without
from sessiongate.app.operators.running_server import Running
from sessiongate.app.preflight.ports import ports_of
from sessiongate.cli.checks import port_rows
from sessiongate.config import load
from sessiongate.errors import ConfigError
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.many import operations_of, shared_settings
from tests.end_to_end.serving import OTHER, USER, Finished, Server
from tests.peers import redis as peer
from tests.peers.ports import free_port, usual_operations_port

pytestmark = pytest.mark.slow

SOMEWHERE = '[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "off"\n'

ME = f"os:{getpass.getuser()}"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield int(one.getsockname()[1])


def rows(server: Server, check: str) -> list[dict[str, str]]:
    found = server.run("check", "--output", "json").json()["checks"]
    return [one for one in found if one["check"] == check]


def settings(server: Server, port: int, watched: int | str = "off") -> None:
    """Have the file say these ports, which the running server has not read."""
    operations = watched if watched == "off" else f"127.0.0.1:{watched}"
    server.settings = f'[server]\nlisten = ["127.0.0.1:{port}"]\n[admin]\nlisten = "{operations}"\n'
    server.write_settings()


def test_check_says_where_the_running_server_listens(make_server: MakeServer) -> None:
    watched = free_port()
    server = make_server(
        settings=f'[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "127.0.0.1:{watched}"\n'
    )
    [row] = rows(server, "server")
    assert row["result"] == "ok"
    assert f"listening on {server.url}" in row["detail"]
    assert f"operations on http://127.0.0.1:{watched}" in row["detail"]
    [row] = rows(server, "admin.listen")
    assert (row["result"], "the running server listens there" in row["detail"]) == ("ok", True)


def test_a_port_of_somebody_else_is_not_taken_for_the_running_servers(
    make_server: MakeServer, taken: int
) -> None:
    server = make_server()
    for name, listen in (("server.listen", (taken, "off")), ("admin.listen", (0, taken))):
        settings(server, *listen)
        [row] = rows(server, name)
        assert row["result"] == "problem"
        assert f"127.0.0.1:{taken} cannot be had" in row["detail"]
        assert "the running server does not listen there" in row["detail"]


def test_a_free_address_where_the_running_server_is_not_is_noted(make_server: MakeServer) -> None:
    server = make_server(settings=SOMEWHERE)
    port = free_port()
    settings(server, port)
    [row] = rows(server, "server.listen")
    assert row["result"] == "note"
    assert row["detail"] == (
        f"127.0.0.1:{port} is free: the running server does not listen there, a restart takes it"
    )


def test_a_running_server_without_operations_is_noted(tmp_path: Path) -> None:
    """It was started while somebody had the default port, who may have left since."""
    with usual_operations_port() as held, Server(tmp_path / "data", operations=True) as server:
        [row] = rows(server, "server")
        assert row["result"] == "note"
        assert "no operations listener: admin.listen: 127.0.0.1:9670 cannot" in row["detail"]
        [row] = rows(server, "admin.listen")
        assert row["result"] == "note"
        assert "the running server does not listen there" in row["detail"]
        held.close()
        [row] = rows(server, "admin.listen")
        assert row["result"] == "note"
        assert "a restart takes it" in row["detail"]
        server.stop()


@pytest.mark.peer
def test_the_operations_listeners_of_all_workers_are_named(
    make_server: MakeServer, tmp_path: Path
) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with peer.Redis(tmp_path) as redis:
        server = make_server(settings=shared_settings(redis.url))
        assert len(operations_of(server)) == 2
        [row] = rows(server, "server")
        assert f"operations on {', '.join(operations_of(server))}" in row["detail"]
        assert [row["result"] for row in rows(server, "admin.listen")] == ["ok", "ok"]
        server.stop()


# The settings in force


def changed(finished: Finished) -> dict[str, dict[str, Any]]:
    """Settings that the running server has another value of."""
    assert finished.code == 0, finished
    rows = {row["setting"]: row for row in finished.json()}
    return {name: row for name, row in rows.items() if row["in_force"] != row["value"]}


def test_settings_in_force_are_told_from_those_in_the_file(make_server: MakeServer) -> None:
    text = '[server]\nlisten = ["127.0.0.1:0"]\n[sessions]\nidle_timeout = "30m"\n'
    server = make_server(settings=text)
    show = ("config", "show")
    assert changed(server.run(*show, "--output", "json")) == {}
    assert "IN FORCE" not in server.run(*show).out
    assert server.run(*show).err == ""
    server.settings = text.replace("30m", "5m") + '[server.limits]\nbody = "2MiB"\n'
    server.write_settings()
    both = changed(server.run(*show, "--output", "json"))
    assert {name: row["in_force"] for name, row in both.items()} == {
        "sessions.idle_timeout": "30m",
        "server.limits.body": "1MiB",
    }
    told = server.run(*show)
    [line] = [one for one in told.out.splitlines() if one.startswith("sessions.idle_timeout")]
    assert line.split() == ["sessions.idle_timeout", "file", "5m", "30m"]
    assert "IN FORCE" in told.out
    assert "SIGHUP takes over server.limits.body" in told.err
    assert "a restart takes over sessions.idle_timeout" in told.err
    server.signal(signal.SIGHUP)
    assert server.log.wait_for(lambda lines: any("settings read again" in one for one in lines))
    assert changed(server.run(*show, "--output", "json")).keys() == {"sessions.idle_timeout"}
    server.stop()
    assert server.run(*show).err == ""
    without = server.run(*show, "--output", "json").json()
    assert all(row["in_force"] is None for row in without)


def test_sec_18_no_secret_is_shown_of_the_settings_in_force(make_server: MakeServer) -> None:
    server = make_server(
        settings='[server]\nlisten = ["127.0.0.1:0"]\n[identity.local]\ntype = "file"\n'
        '[identity.corp]\ntype = "ldap"\nurl = "ldaps://dc.example"\nbase_dn = "dc=x"\n'
        'bind_dn = "cn=gate,dc=x"\nbind_password = "canary-1"\ndomains = ["corp"]\n'
    )
    server.settings = server.settings.replace("canary-1", "canary-2")
    server.write_settings()
    for form in ("json", "table"):
        shown = server.run("config", "show", "--output", form)
        assert "canary" not in shown.out + shown.err
        assert "***" in shown.out


# Who asked


def events(server: Server, name: str) -> list[dict[str, Any]]:
    told = server.run("audit", "export", "--output", "json").json()
    return [one for one in told if one["event"] == name]


def test_sec_69_an_end_by_a_command_has_the_account_that_asked(server: Server) -> None:
    key = server.vim_login(*USER).json()["key"]
    assert server.run("sessions", "terminate", key).code == 0
    [end] = events(server, "session ended")
    assert (end["user"], end["subject"], end["reason"]) == (ME, USER[0], "terminated")


def test_sec_69_an_unlock_is_an_event_and_a_name_that_nobody_has_is_refused(
    make_server: MakeServer,
) -> None:
    server = make_server(settings="[lockout]\nattempts = 2\n")
    for _ in range(2):
        assert server.zerto_login(OTHER[0], "wrong").status == 401
    done = server.run("users", "unlock", OTHER[0].upper())
    assert (done.code, done.out) == (0, "User unlocked.\n")
    [told] = events(server, "user unlocked")
    assert (told["user"], told["subject"], told["how"]) == (ME, OTHER[0], "command line")
    idle = server.run("users", "unlock", OTHER[0])
    assert (idle.code, idle.out) == (0, "Nothing was held against this user.\n")
    unknown = server.run("users", "unlock", "typo")
    assert (unknown.code, unknown.out) == (1, "")
    assert "there is no user 'typo', and nothing was held against that name" in unknown.err
    # A name that nobody has is locked like any other, and unlocked.
    for _ in range(2):
        assert server.zerto_login("typo", "wrong").status == 401
    assert server.run("users", "unlock", "typo").out == "User unlocked.\n"
    assert [one["subject"] for one in events(server, "user unlocked")] == [OTHER[0], "typo"]


# Values of the command line


def test_a_server_that_was_started_with_a_flag_is_no_reason_to_restart(tmp_path: Path) -> None:
    """The same command would have the same value again."""
    port = free_port()
    text = f'[server]\nlisten = ["127.0.0.1:{port}"]\n[admin]\nlisten = "off"\n'
    with Server(tmp_path / "data", text, flags=("--listen", "127.0.0.1:0")) as server:
        [row] = rows(server, "server.listen")
        told = server.run("config", "show").err
        for said in (row["detail"], told):
            assert "was started with another value (flag)" in said
            assert "restart" not in said
        server.settings = text + '[sessions]\nidle_timeout = "5m"\n'
        told = server.run("config", "show").err
        assert "a restart takes over sessions.idle_timeout" in told
        assert "was started with another value (flag) of server.listen" in told
        server.stop()


def test_a_port_without_which_a_server_runs_is_told_once(taken: int) -> None:
    config = load(None, {}, {"admin.listen": f"127.0.0.1:{taken}"})
    [sentence] = [port.sentence for port in ports_of(config) if port.setting == "admin.listen"]
    error = ConfigError([sentence.removeprefix("admin.")])
    running = Running(
        without_operations=(without("admin.listen", load(None, {}, {}), error),),
        settings={"admin.listen": {"value": f"127.0.0.1:{taken}", "origin": "default"}},
    )
    found = [row for row in port_rows(config, running) if row.check == "admin.listen"]
    assert len(found) == 1
    assert "cannot be had" not in found[0].detail
    assert "the running server does not listen there" in found[0].detail
