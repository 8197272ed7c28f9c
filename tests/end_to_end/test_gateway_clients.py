"""Unmodified clients through a gateway before the simulator, and the same clients without one."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_operations import ask
from tests.peers.setup import PYVMOMI, interpreter, program
from tests.peers.simulator import simulator
from tests.telemetry.families import read
from tests.until import PATIENCE, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peer]

CROWD = Path(__file__).resolve().parents[1] / "peers" / "pyvmomi_crowd.py"
SERVICE = ("svc-gateway", "service's pass 1")
WATCHED = '[admin]\nlisten = "127.0.0.1:0"\n[server]\nlisten = ["127.0.0.1:0"]\n'


def by_service(port: int, mode: str, size: int = 5) -> str:
    """Settings: clients are people of ours, and one account uses the simulator."""
    return f"""
    {WATCHED}
    [upstream.vc1]
    type = "vcenter"
    url = "https://127.0.0.1:{port}"
    verify = false
    account = "service"
    username = "{SERVICE[0]}"
    password = "{SERVICE[1]}"
    roles = ["administrator"]
    mode = "{mode}"
    size = {size}
    [sessions]
    max_per_principal = 500
    """


def by_caller(port: int) -> str:
    """Settings: clients are users of the simulator."""
    return f"""
    {WATCHED}
    [upstream.vc1]
    type = "vcenter"
    url = "https://127.0.0.1:{port}"
    verify = false
    [identity.vc]
    type = "vcenter"
    upstream = "vc1"
    [identity.local]
    type = "file"
    [dialects.vsphere]
    default = "vc"
    """


class Govc:
    """govc as one user of a server or of the simulator. It keeps no session."""

    def __init__(self, url: str, person: tuple[str, str], ca: Path | None, home: Path) -> None:
        home.mkdir()
        self.env = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "GOVC_URL": f"{url}/sdk",
            "GOVC_USERNAME": person[0],
            "GOVC_PASSWORD": person[1],
            "GOVC_PERSIST_SESSION": "false",
            **({"GOVC_TLS_CA_CERTS": str(ca)} if ca is not None else {"GOVC_INSECURE": "1"}),
        }

    def __call__(self, command: str) -> str:
        """What it says, and how it ends."""
        done = run(present(program("govc")), *command.split(), env=self.env)
        return f"{done.returncode}\n{done.stdout}{done.stderr}"


def sessions_at(port: int, home: Path) -> int:
    """How many sessions the simulator has, but for the one that asks."""
    watcher = Govc(f"https://127.0.0.1:{port}", SERVICE, None, home)
    listed = watcher("session.ls -json")
    return len(json.loads(listed.partition("\n")[2])["sessionList"]) - 1


# The same commands with and without a gateway

COMMANDS = (
    *("about", "ls", "ls /DC0/vm", "find / -type m", "find . -name DC0_H0*", "tree -L 2"),
    *(
        "datacenter.info",
        "datastore.info",
        "host.info",
        "pool.info */Resources",
        "vm.info DC0_H0_VM0",
    ),
    *("object.collect -s vm/DC0_H0_VM0 name config.uuid", "object.collect -s / name"),
    *("object.collect -s -d , -type m / name", "option.ls config.vpxd.sso", "role.ls"),
    *("permissions.ls", "license.ls", "extension.info -json", "metric.ls DC0_H0", "alarms"),
    *("metric.interval.info", "fields.ls", "fields.add shelf", "fields.set shelf 7 vm/DC0_H0_VM0"),
    *("fields.info -n shelf vm/DC0_H0_VM0", "folder.create vm/attic", "folder.info vm/attic"),
    "vm.create -on=false -pool DC0_C0/Resources -ds LocalDS_0 -folder attic new",
    *("vm.power -on new", "vm.power -off DC0_H0_VM0", "vm.change -vm new -c 2", "vm.info new"),
    *("vm.clone -vm DC0_H0_VM1 -on=false twin", "object.rename vm/attic loft", "vm.destroy new"),
    *("object.mv vm/twin vm/loft", "object.destroy vm/loft/twin", "vm.power -on nobody"),
    *("events -n 3 vm/DC0_H0_VM0", "tasks -n 4", "cluster.usage DC0_C0", "session.ls"),
)
"""In their order; the later ones see what the earlier ones have made."""

INTENDED = {
    "session.ls": "the sessions are ours, and not those at the vCenter",
}
"""Where an answer through a gateway is another one, and why."""

_CHANGING = (
    # What goes on while a task runs, as often as it is told by then; times, durations, addresses.
    (re.compile(r"\r?\x1b\[K[^\n]*\n?"), ""),
    (
        re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+( \+0000 UTC|Z)?|\w{3} \w{3} +\d+ [\d:]+ \d{4}"),
        "TIME",
    ),
    (re.compile(r"(\d+h)?(\d+m)?\d+(\.\d+)?(ms|µs|s|%)"), "SPAN"),
    (re.compile(r"govcsim-\d+"), "govcsim"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\d\d:\d\d:\d\d"), "CLOCK"),
    # Columns are as wide as what stands in them.
    (re.compile(r" +"), " "),
)


def told(govc: Govc) -> dict[str, str]:
    """What it says to each command, without what differs each time."""
    found = {}
    for command in COMMANDS:
        said = govc(command)
        for form, word in _CHANGING:
            said = form.sub(word, said)
        found[command] = said
    return found


@pytest.fixture(scope="module")
def told_directly(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("govc") / "home"
    with simulator(*SERVICE, "inventory") as port:
        return told(Govc(f"https://127.0.0.1:{port}", SERVICE, None, home))


@pytest.mark.interop("govc-soap")
@pytest.mark.parametrize("mode", ["session", "shared", "caller"])
def test_govc_says_the_same_through_a_gateway(
    mode: str, told_directly: dict[str, str], make_server: MakeServer, tmp_path: Path
) -> None:
    person = SERVICE if mode == "caller" else ADMIN
    with simulator(*SERVICE, "inventory") as port:
        settings = by_caller(port) if mode == "caller" else by_service(port, mode)
        gate = make_server(settings=settings)
        found = told(Govc(gate.url, person, gate.ca, tmp_path / "home"))
        assert sessions_at(port, tmp_path / "watcher") <= 5
        gate.stop()
        assert sessions_at(port, tmp_path / "watcher-2") == 0
    others = {one: said for one, said in found.items() if said != told_directly[one]}
    assert {one: said for one, said in others.items() if one not in INTENDED} == {}
    assert others.keys() == INTENDED.keys()


# Many at once


class Crowd:
    """One process with clients."""

    def __init__(self, gate: Server, first: int, count: int) -> None:
        python = present(interpreter(PYVMOMI[0]))
        where = ("127.0.0.1", str(gate.port), str(gate.ca), *ADMIN, str(first), str(count))
        self.process = subprocess.Popen(
            [str(python), str(CROWD), *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(self) -> dict[str, Any]:
        """The next that it prints."""
        assert self.process.stdout is not None
        found = json.loads(self.process.stdout.readline())
        assert isinstance(found, dict)
        return found

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@contextmanager
def crowds(gate: Server, *counts: int) -> Iterator[list[Crowd]]:
    """Processes with so many clients each; none of them logs out."""
    with ExitStack() as opened:
        found = []
        for number, count in enumerate(counts):
            found.append(Crowd(gate, 1000 * number, count))
            opened.callback(found[-1].kill)
        yield found


def sessions_of(gate: Server) -> float:
    family = read(ask(gate, "/metrics").body)["sessiongate_pool_sessions"]
    return sum(one.value for one in family.samples)


@pytest.mark.interop(f"pyvmomi-{PYVMOMI[0]}")
def test_sec_57_a_crowd_of_clients_shares_few_sessions_and_leaves_none(
    make_server: MakeServer, tmp_path: Path
) -> None:
    clients, processes, size = 20, 2, 3
    with simulator(*SERVICE, "inventory") as port:
        gate = make_server(settings=by_service(port, "shared", size))
        with crowds(gate, *[clients] * processes) as all_of_them:
            assert [one.said() for one in all_of_them] == [
                {"open": clients, "wrong": []}
            ] * processes
            for one in all_of_them:
                one.go_on()
            with ThreadPoolExecutor(processes) as pool:
                done = [pool.submit(one.said) for one in all_of_them]
                seen = [0.0]

                def have_ended() -> bool:
                    seen.append(sessions_of(gate))
                    return all(one.done() for one in done)

                wait_until(have_ended, 2 * PATIENCE)
            assert [one.result() for one in done] == [{"worked": clients, "wrong": []}] * processes
            assert max(seen) <= size
            assert 0 < sessions_at(port, tmp_path / "watcher") <= size
        gate.kill9()
        assert 0 < sessions_at(port, tmp_path / "watcher-2") <= size
        gate.start()
        homes = (tmp_path / f"watcher-{number}" for number in range(3, 1000))
        wait_until(lambda: sessions_at(port, next(homes)) == 0)
        gate.stop()
