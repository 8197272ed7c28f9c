"""The accounts by which a gateway is at its upstream: new passwords, and what outlives a stop."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_gateway import (
    SERVICE,
    VERA,
    callers_gate,
    sessions,
    shared_gate,
    upstream,
)
from tests.end_to_end.test_guessing import DOORS, lets_in
from tests.end_to_end.vim_soap import SoapClient
from tests.until import wait_until
from tests.upstream.connect_proxy import ConnectProxy

__all__ = ["upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

NEW = "the service's pass 2"


def from_files(upstream: Server, folder: Path, *names: str) -> str:
    """A gate whose password, and next password if it is named, stand in files."""
    lines = [f'{name}_file = "{folder / name}"' for name in names]
    password = f'password = "{SERVICE[1]}"'
    return shared_gate(upstream).replace(password, "\n    ".join(lines))


def changed(upstream: Server, password: str) -> None:
    """The account has another password there, and its sessions are over."""
    done = upstream.run("users", "passwd", SERVICE[0], "--password-stdin", stdin=f"{password}\n")
    assert done.code == 0, done
    wait_until(lambda: not sessions(upstream))


def names(client: SoapClient) -> str:
    return client.fetch("Folder", "group-d1", "name").fault


def test_a_service_account_gets_another_password_without_a_pause(
    upstream: Server, make_server: MakeServer, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(SERVICE[1])
    (tmp_path / "next_password").write_text(f"{NEW}\n")
    gate = make_server(settings=from_files(upstream, tmp_path, "password", "next_password"))
    ada = SoapClient.login(gate, ADMIN)
    assert not names(ada)
    changed(upstream, NEW)
    assert not names(ada)
    assert upstream.log.text.count("login refused") == 1
    assert "make it the first" in gate.log.text
    changed(upstream, SERVICE[1])
    changed(upstream, NEW)  # the same once more: the sessions have ended
    assert not names(ada)
    assert upstream.log.text.count("login refused") == 1, "the one that was taken goes first"
    done = gate.run("check", "--login", "--output", "json")
    said = [one["detail"] for one in done.json()["checks"] if one["check"] == "upstream.vc1"]
    assert "next_password is taken: make it the password" in said[-1]
    assert NEW not in gate.log.text + gate.out.text + done.out


def test_sec_58_a_changed_password_file_is_noticed_without_a_command(
    upstream: Server, make_server: MakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(SERVICE[1])
    gate = make_server(settings=from_files(upstream, tmp_path, "password"))
    ada = SoapClient.login(gate, ADMIN)
    assert not names(ada)
    changed(upstream, NEW)
    for _ in range(3):
        assert ada.fetch("Folder", "group-d1", "name").status == 503
    assert upstream.log.text.count("login refused") == 1
    file.write_text(NEW)
    wait_until(lambda: not names(ada))
    assert upstream.log.text.count("login refused") == 1


KEEPS = '[gateway]\non_stop = "keep"'


def keys(upstream: Server) -> set[str]:
    return {one["key"] for one in sessions(upstream)}


def counted(gate: Server, what: str) -> int:
    """How many sessions a line of the log is about."""
    (line,) = (one for one in gate.log.lines if what in one)
    return int(json.loads(line)["sessions"])


def test_sec_58_a_hundred_wrong_logins_of_a_caller_cost_no_more_than_the_budget(
    upstream: Server, make_server: MakeServer
) -> None:
    """At every door, with passwords of their own: the upstream would lock the account."""
    gate = make_server(settings=f"{callers_gate(upstream)}\n[lockout]\nattempts = 3\n")
    doors = islice(cycle(DOORS.values()), 100)
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(ask, gate, VERA[0], f"wrong {at}") for at, ask in enumerate(doors)]
    assert not any(lets_in(one.result()) for one in tries)
    assert upstream.log.text.count("login refused") == 3
    assert not sessions(upstream)
    assert not lets_in(DOORS["vi-json"](gate, *VERA))  # and it is the guesser that is shut out here
    assert SoapClient.login(upstream, VERA).key


@pytest.mark.parametrize("account", ["service", "caller"])
def test_sec_65_sessions_that_are_kept_outlive_a_stop(
    account: str, upstream: Server, make_server: MakeServer
) -> None:
    """Nobody logs in again, here or there; what clients had there has ended."""
    service = account == "service"
    settings = shared_gate(upstream, KEEPS) if service else callers_gate(upstream, KEEPS)
    gate = make_server(settings=settings)
    person = ADMIN if service else VERA
    ada, olga = SoapClient.login(gate, person), SoapClient.login(gate, person)
    view, own = ada.view(), ada.filter()
    assert ada.updates().texts("filter") == [own]
    assert not names(olga)
    before, opened = keys(upstream), upstream.log.text.count("session opened")
    assert len(before) == (1 if service else 2)
    gate.stop()
    assert keys(upstream) == before
    assert counted(gate, "are kept for the next start") == len(before)
    gate.start()
    assert counted(gate, "the last stop has kept are used on") == len(before)
    for client in (ada, olga):
        assert not names(client)
    assert ada.fetch("ContainerView", view, "view").fault == "ManagedObjectNotFound"
    assert ada.call("DestroyPropertyFilter", "PropertyFilter", own).fault == "ManagedObjectNotFound"
    # Whichever session each has now, nothing is left in it of before.
    for client, filter_ in [(client, client.filter()) for client in (ada, olga)]:
        assert client.updates().texts("filter") == [filter_]
    assert keys(upstream) == before
    assert upstream.log.text.count("session opened") == opened
    for client in (ada, olga):
        client.logout()
    gate.stop()
    assert len(keys(upstream)) == (1 if service else 0)


def test_callers_log_in_again_after_a_stop_that_logs_out(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    vera, local = SoapClient.login(gate, VERA), SoapClient.login(gate, ADMIN)
    assert not names(vera)
    gate.stop()
    assert not keys(upstream)
    gate.start()
    assert names(vera) == "NotAuthenticated"
    wait_until(lambda: [one["key"] for one in sessions(gate)] == [local.key])
    assert not names(SoapClient.login(gate, VERA))


def test_a_service_account_goes_on_after_a_stop_that_logs_out(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = SoapClient.login(gate, ADMIN)
    assert not names(ada)
    gate.stop()
    assert not keys(upstream)
    gate.start()
    assert not names(ada)


def test_sec_65_another_account_has_nothing_of_what_was_kept(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream, KEEPS))
    ada = SoapClient.login(gate, ADMIN)
    assert not names(ada)
    before = keys(upstream)
    gate.stop()
    gate.settings = gate.settings.replace(SERVICE[0], VERA[0]).replace(SERVICE[1], VERA[1])
    gate.start()
    wait_until(lambda: not names(ada))  # until what was kept is logged out it takes its place
    wait_until(lambda: not before & keys(upstream))
    assert [one["user"] for one in sessions(upstream)] == [VERA[0]]


@pytest.mark.parametrize("account", ["service", "caller"])
def test_sec_67_behind_a_proxy_all_goes_through_it_and_none_of_it_in_clear(
    account: str, upstream: Server, make_server: MakeServer
) -> None:
    make, person = (shared_gate, ADMIN) if account == "service" else (callers_gate, VERA)
    with ConnectProxy() as proxy:
        gate = make_server(settings=make(upstream, f'proxy = "{proxy.url}"'))
        ada = SoapClient.login(gate, person)
        assert not names(ada)
        connected = len(proxy.asked)
        assert connected >= (1 if account == "service" else 2), "the login of a caller, too"
        done = gate.run("check", "--output", "json")
        (said,) = [one for one in done.json()["checks"] if one["check"] == "upstream.vc1"]
        assert (said["result"], "SHA-256" in said["detail"]) == ("ok", True)
        assert len(proxy.asked) > connected
        ada.logout()
        gate.stop()
    assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{upstream.port} HTTP/1.1"}
    assert len(proxy.passed) > 1000
    for secret in (SERVICE[1], VERA[1], "<soapenv"):
        assert secret.encode() not in proxy.passed
