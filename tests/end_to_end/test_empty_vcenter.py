"""Clients get past their first step: an empty vCenter, asked by real ones and by hand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import Govc, present, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, USER, Reply, Server, session, vim
from tests.end_to_end.test_vim_login import fault
from tests.peers.setup import PYVMOMI, interpreter, program
from tests.until import PATIENCE, wait_until

STORY = Path(__file__).resolve().parents[1] / "peers" / "pyvmomi_inventory.py"

FOUND: dict[str, Any] = {
    "root": ["Datacenters", 0, None, "green"],
    "roles": ["administrator", "operator", "user", "no-access"],
    "found": None,
    "folder": "NotSupported",
    "counters": 0,
    "licenses": 0,
    "own login is an event": True,
    "tasks": 0,
    "view": 0,
    "container is the root": True,
    "virtual machines": 0,
    "destroyed view": "ManagedObjectNotFound",
    "first update": {"name": "Datacenters", "overallStatus": "green"},
    "second update": None,
    "it waited": True,
    "unknown version": "InvalidCollectorVersion",
}

# Properties that pyVmomi 6.7.3 has and that the vendor's pages lack.
UNPUBLISHED = {
    "alarmManager.lastTriggerId: vmodl.query.InvalidProperty",
    "hostProfileManager.supportedCustomizationFormats: vmodl.query.InvalidProperty",
}


@pytest.mark.peer
@EMBEDDED
@pytest.mark.parametrize(
    "version",
    [pytest.param(one, marks=pytest.mark.interop(f"pyvmomi-{one}")) for one in PYVMOMI],
)
def test_pyvmomi_looks_around(version: str, shared: Server) -> None:
    python = present(interpreter(version))
    where = ("127.0.0.1", shared.port, str(shared.ca))
    done = run(python, "-W", "ignore", STORY, *where, *ADMIN)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert set(facts.pop("unreadable")) <= UNPUBLISHED
    assert facts == FOUND


# Command, and what it says in the end where it does not end well.
COMMANDS = {
    "ls": "",
    "ls /": "",
    "find": "",
    "find / -type m": "",
    "tree": "",
    "role.ls": "",
    "permissions.ls": "",
    "events": "",
    "tasks": "",
    "license.ls": "",
    "license.assigned.ls": "",
    "option.ls": "",
    "extension.info": "",
    "fields.ls": "",
    "metric.ls /": "",
    "alarms": "",
    "folder.info /": "",
    "object.collect -s - content": "",
    "object.collect -s group-d1 name": "",
    "datacenter.info": "datacenter '*' not found",
    "vm.info x": "specify a datacenter",
    "host.info": "specify a datacenter",
    "folder.create /x": "not supported",
}


@pytest.mark.peer
@EMBEDDED
@pytest.mark.interop("govmomi-look")
def test_govmomis_helpers_find_nothing_and_do_not_stumble(shared: Server) -> None:
    done = run(present(program("look")), f"{shared.url}/sdk", *ADMIN, shared.ca)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "datacenters": "datacenter '*' not found",
        "children": 0,
        "path of the root": "/",
        "machines, hosts and datastores": 0,
        "counters": 0,
        "metrics of the root": 0,
        "child": None,
        "roles": 4,
        "events": True,
        "logout": "ok",
    }


@pytest.mark.peer
@EMBEDDED
@pytest.mark.parametrize(
    "json",
    [
        pytest.param(False, marks=pytest.mark.interop("govc-soap"), id="soap"),
        pytest.param(True, marks=pytest.mark.interop("govc-json"), id="json"),
    ],
)
def test_govc_looks_around(shared: Server, tmp_path: Path, json: bool) -> None:
    govc = Govc(shared, tmp_path, ADMIN, json=json)
    for command, end in COMMANDS.items():
        done = govc(*command.split())
        assert "panic" not in done.stderr, (command, done.stderr)
        assert end in done.stderr, (command, done.stderr)
        assert (done.returncode == 0) == (not end), (command, done.stderr)
    assert "administrator" in govc.said("role.ls")
    assert "logged in" in govc.said("events")


# Waits

COLLECTOR = "PropertyCollector/propertyCollector"


def wait(server: Server, token: str, seconds: int) -> Reply:
    asked = {"options": {"maxWaitSeconds": seconds}}
    return server.call(f"{COLLECTOR}/WaitForUpdatesEx", token, asked)


@contextmanager
def waiting(server: Server, token: str) -> Iterator[list[Reply]]:
    """Somebody waits in this session; the reply, once there is one, is in the list."""
    key = server.get("currentSession", token).json()["key"]
    admin = server.vim_token(ADMIN)

    def calls() -> int:
        listed = server.get("sessionList", admin).json()
        return next(int(one["callCount"]) for one in listed if one["key"] == key)

    before = calls()
    got: list[Reply] = []
    thread = threading.Thread(target=lambda: got.append(wait(server, token, 600)))
    thread.start()
    wait_until(lambda: calls() > before)
    yield got
    thread.join(PATIENCE)
    assert not thread.is_alive()


@EMBEDDED
def test_a_wait_ends_with_its_session(shared: Server) -> None:
    token = shared.vim_token(USER)
    with waiting(shared, token) as got:
        assert shared.call("Logout", token).status == 204
    fault(got[0], "NotAuthenticated")


@EMBEDDED
def test_clients_that_leave_free_their_waits(shared: Server) -> None:
    """A session waits 32 times at once: more than that come and go here."""
    token = shared.vim_token(USER)
    body = json.dumps({"options": {"maxWaitSeconds": 600}})
    for _ in range(40):
        with shared.connected() as client:
            path = vim(f"{COLLECTOR}/WaitForUpdatesEx")
            client.connection.request("POST", path, body, session(token))
        # Left without an answer.
    wait_until(lambda: wait(shared, token, 1).status == 200)


def test_a_stop_does_not_wait_for_those_who_wait(server: Server) -> None:
    token = server.vim_token(USER)
    with waiting(server, token) as got:
        server.stop()
    assert [reply.status for reply in got] == [200]
