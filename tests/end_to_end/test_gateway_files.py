"""Files through a gateway before the simulator: by unmodified govc, and many megabytes of them."""

import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_gateway_clients import SERVICE, Govc, by_caller, by_service, sessions_at
from tests.end_to_end.vim_soap import SoapClient
from tests.peers.setup import program
from tests.peers.simulator import simulator

pytestmark = [pytest.mark.slow, pytest.mark.peer]

MEGABYTE = os.urandom(1 << 20)
COUNT = 100
TARGET = "/folder/large.bin?dcPath=DC0&dsName=LocalDS_0"


@pytest.mark.interop("govc-soap")
@pytest.mark.parametrize("mode", ["session", "shared", "caller"])
def test_govc_sends_and_gets_and_removes_files(
    mode: str, make_server: MakeServer, tmp_path: Path
) -> None:
    person = SERVICE if mode == "caller" else ADMIN
    sent, got = tmp_path / "sent file", tmp_path / "got"
    sent.write_bytes(MEGABYTE * 5)
    with simulator(*SERVICE, "inventory") as port:
        gate = make_server(settings=by_caller(port) if mode == "caller" else by_service(port, mode))
        govc = Govc(gate.url, person, gate.ca, tmp_path / "home")

        def said(*command: str) -> str:
            done = run(present(program("govc")), *command, env=govc.env)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        on = ("-ds", "LocalDS_0")
        said("datastore.mkdir", *on, "a folder")
        said("datastore.upload", *on, str(sent), "a folder/ä file")
        assert "ä file" in said("datastore.ls", *on, "a folder")
        said("datastore.download", *on, "a folder/ä file", str(got))
        assert got.read_bytes() == sent.read_bytes()
        said("datastore.cp", *on, "a folder/ä file", "a folder/copy")
        said("datastore.rm", *on, "a folder")
        assert run(
            present(program("govc")),
            "datastore.download",
            *on,
            "a folder/ä file",
            "-",
            env=govc.env,
        ).returncode
        assert sessions_at(port, tmp_path / "watcher") <= 5
        told = gate.run("audit", "export").out
        assert "PUT of folder" in told
        assert "folder/" not in gate.log.text + told
        gate.stop()
        assert sessions_at(port, tmp_path / "watcher-2") == 0


class Slow:
    """A client that sends or reads a large file, in its own time."""

    def __init__(self, gate: Server, cookie: str) -> None:
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", gate.port, context=gate.context, timeout=60
        )
        self.cookie = {"Cookie": cookie}

    def send(self, target: str, begun: threading.Event, goes_on: threading.Event) -> None:
        def pieces() -> Iterator[bytes]:
            for number in range(COUNT):
                if number == 3:
                    begun.set()
                    assert goes_on.wait(60)
                yield MEGABYTE

        length = {"Content-Length": str(COUNT << 20)}
        self.connection.request("PUT", target, pieces(), {**self.cookie, **length})
        reply = self.connection.getresponse()
        assert reply.status in (200, 201), reply.read()
        reply.read()
        self.connection.close()

    def get(self, target: str, begun: threading.Event, goes_on: threading.Event) -> None:
        self.connection.request("GET", target, headers=self.cookie)
        reply = self.connection.getresponse()
        assert (reply.status, reply.length) == (200, COUNT << 20)
        for number in range(COUNT):
            if number == 3:
                begun.set()
                assert goes_on.wait(60)
            assert reply.read(1 << 20) == MEGABYTE
        assert not reply.read()
        self.connection.close()


def memory(pid: int, what: str) -> int:
    """VmRSS or VmHWM of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


@pytest.mark.interop("vcsim")
def test_hundreds_of_megabytes_take_a_few_of_memory(make_server: MakeServer) -> None:
    with simulator(*SERVICE, "inventory") as port:
        gate = make_server(settings=by_service(port, "shared", 1))
        client = SoapClient.login(gate, ADMIN)
        assert gate.process is not None
        pid = gate.process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        before = memory(pid, "VmRSS")
        ready, goes_on = threading.Event(), threading.Event()
        goes_on.set()
        Slow(gate, client.cookie).send(TARGET, ready, goes_on)
        Slow(gate, client.cookie).get(TARGET, ready, goes_on)

        goes_on = threading.Event()
        begun = [threading.Event() for _ in range(2)]
        other = TARGET.replace("large", "other")
        slow = [
            threading.Thread(target=does, args=(target, event, goes_on))
            for does, target, event in zip(
                (Slow(gate, client.cookie).send, Slow(gate, client.cookie).get),
                (other, TARGET),
                begun,
                strict=True,
            )
        ]
        for one in slow:
            one.start()
        for event in begun:
            assert event.wait(60)
        # One that waits in the middle and one that does not read keep nobody.
        assert client.fetch("Folder", "group-d1", "name").text == "Datacenters"
        goes_on.set()
        for one in slow:
            one.join(120)
            assert not one.is_alive()
        grown = memory(pid, "VmHWM") - before
        assert grown < 15 << 20, f"{grown / (1 << 20):.1f} MiB"
        client.logout()
        assert "unforeseen" not in gate.log.text
        gate.stop()
