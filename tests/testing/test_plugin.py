"""The pytest plugin, as pytest itself runs it: one run of tests that pass, fail and leak."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.end_to_end.clients import present
from tests.house.sources import ROOT
from tests.peers.setup import PYVMOMI, interpreter, program

PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
"""The code of docs/testing.md, as it stands."""

PLAIN = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:schemathesis", "-q", "-rA")
"""Without what our own environment has besides, and others have not."""

TESTS = """
import warnings
import pytest

from tests.house.sources import ROOT
import requests


def login(gate, agent="nightly/1"):
    ci = gate.users["ci"]
    reply = requests.post(
        f"{gate.url}/api/session", auth=(ci.name, ci.password), verify=str(gate.ca),
        headers={"user-agent": agent}, timeout=60,
    )
    assert reply.status_code == 201
    return reply.json()


def test_one(sessiongate):
    login(sessiongate)
    assert len(sessiongate.sessions()) == 1


def test_another_sees_nothing_of_it(sessiongate, sessiongate_server):
    assert sessiongate.sessions() == []
    assert sessiongate is sessiongate_server


@pytest.mark.sessiongate(idle_timeout="5m", users={"ci": "operator"})
def test_settings(sessiongate):
    login(sessiongate)
    assert sessiongate.sessions()[0].roles == ["operator"]
    assert sessiongate.clock.advance(minutes=5).ended == 1


def test_factory(sessiongate_factory):
    one, two = sessiongate_factory(), sessiongate_factory(tls=False)
    assert one.port != two.port


def test_fails(sessiongate):
    login(sessiongate)
    assert not sessiongate.sessions()


@pytest.mark.sessiongate(idle_timeout="7m")
def test_gone(sessiongate):
    sessiongate.close()
    raise AssertionError("its server is gone")


@pytest.mark.sessiongate(leaks="fail")
def test_leaks(sessiongate):
    login(sessiongate, "leaky/7")


@pytest.mark.sessiongate(leaks="warn")
def test_warns(sessiongate):
    login(sessiongate, "leaky/8")


@pytest.mark.sessiongate(leaks="perhaps")
def test_no_such_leaks(sessiongate):
    pass


@pytest.mark.sessiongate(user=["ci"])
def test_no_such_argument(sessiongate):
    pass


async def test_asynchronous(sessiongate):
    login(sessiongate)
"""


def run(
    folder: Path, *arguments: str, seconds: float = 120, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run pytest there, as somebody would who has never heard of our own tests.

    `environ` are further variables.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLAIN, *arguments],
        cwd=folder,
        env={**kept, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_tests_are_served_by_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    _, told = run(tmp_path)
    found = {
        (name, verdict)
        for verdict, name in re.findall(
            r"^(PASSED|FAILED|ERROR) test_it\.py::(\w+)", told, re.MULTILINE
        )
    }
    assert found == {
        *((name, "PASSED") for name in ("test_one", "test_another_sees_nothing_of_it")),
        *((name, "PASSED") for name in ("test_settings", "test_factory", "test_asynchronous")),
        *((name, "FAILED") for name in ("test_fails", "test_gone")),
        *((name, "PASSED") for name in ("test_leaks", "test_warns")),
        *((name, "ERROR") for name in ("test_leaks", "test_no_such_leaks")),
        ("test_no_such_argument", "ERROR"),
    }, told
    section = told.partition(" sessiongate -")[2]
    assert re.search(r"seed: \d+\nevents:\n.*session opened ok user=ci", section, re.DOTALL)
    assert re.search(r"log:\n.*session opened", section, re.DOTALL)
    assert re.search(r"seed: \d+\nthe server does not answer: ", told)
    assert "the test leaves 1 open sessions:\n  ci by leaky/7 from 127.0.0.1 (rest)" in told
    assert "During handling of the above exception" not in told
    assert re.search(r"UserWarning: the test leaves 1 open sessions:\s+ci by leaky/8", told)
    assert "sessiongate: leaks: 'perhaps' is none of off, warn, fail" in told
    assert "no argument is called 'user'; users, profile" in told


_LEFT = """
import json, os, threading
from pathlib import Path

def open_lines():
    links = (Path("/proc/self/fd") / one for one in os.listdir("/proc/self/fd"))
    return sorted(os.readlink(one).partition(":")[0] for one in links if one.is_symlink())

def pytest_sessionstart(session):
    session.config.before = open_lines()

def pytest_sessionfinish(session):
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        left = [one.name for one in threading.enumerate() if "sessiongate" in one.name]
        files = [session.config.before, open_lines()]
        Path(f"left-{worker}.json").write_text(json.dumps([left, *files]))
"""

_MANY = """
import base64
import os
from http.client import HTTPConnection
from pathlib import Path

import pytest


@pytest.mark.sessiongate(tls=False)
@pytest.mark.parametrize("number", range(60))
def test_it(sessiongate, number):
    ci = sessiongate.users["ci"]
    pair = base64.b64encode(f"{ci.name}:{ci.password}".encode()).decode()
    line = HTTPConnection(sessiongate.host, sessiongate.port, timeout=30)
    line.request("POST", "/api/session", headers={"Authorization": f"Basic {pair}"})
    assert line.getresponse().status == 201
    line.close()
    assert len(sessiongate.sessions()) == 1
    Path(f"port-{sessiongate.port}-{os.environ['PYTEST_XDIST_WORKER']}").touch()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_four_workers_have_a_server_each_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(_MANY)
    (tmp_path / "conftest.py").write_text(_LEFT)
    code, told = run(tmp_path, "-n", "4", seconds=300)  # on two processors
    assert code == 0, told
    assert "60 passed" in told
    assert len(list(tmp_path.glob("port-*"))) == 4
    found = [json.loads(one.read_text()) for one in tmp_path.glob("left-*.json")]
    assert len(found) == 4
    for threads, before, after in found:
        assert threads == []
        assert after == before


_BESIDE = """
import asyncio
from datetime import datetime, timedelta, UTC

import pytest
import requests
import time_machine


def log_in(gate):
    ci = gate.users["ci"]
    url, verify = f"{gate.url}/api/session", str(gate.ca)
    return requests.post(url, auth=(ci.name, ci.password), verify=verify, timeout=10).ok


def test_time_of_the_test_is_not_the_servers(sessiongate):
    before = sessiongate.clock.now()
    assert log_in(sessiongate)
    for when in (datetime(2001, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)):
        with time_machine.travel(when, tick=False):
            assert datetime.now(UTC) == when
            assert sessiongate.clock.now() - before < timedelta(minutes=1)
            assert log_in(sessiongate)
    assert sessiongate.clock.advance(minutes=31).ended == 3


@pytest.mark.anyio
async def test_anyio(sessiongate):
    assert await asyncio.to_thread(log_in, sessiongate)


@pytest.mark.asyncio
async def test_asyncio(sessiongate):
    assert await asyncio.to_thread(log_in, sessiongate)
"""


@pytest.mark.slow
def test_it_runs_beside_other_plugins(tmp_path: Path) -> None:
    """pytest-asyncio in its strict mode, anyio's own plugin, and time-machine."""
    pytest.importorskip("time_machine", reason="requirements/dev.txt has it")
    (tmp_path / "test_it.py").write_text(_BESIDE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = strict\n")
    code, told = run(tmp_path)
    assert code == 0, told
    assert "PASSED test_it.py::test_anyio[asyncio]" in told
    assert "PASSED test_it.py::test_asyncio" in told


def test_settings_of_pytest_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nsessiongate_leaks = maybe\n")
    code, told = run(tmp_path)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "sessiongate_leaks: 'maybe' is none of off, warn, fail" in told


def test_a_run_without_servers_imports_none(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    loaded = {one for one in sys.modules if one.startswith('sessiongate')}\n"
        "    ours = {'sessiongate', 'sessiongate.testing', 'sessiongate.testing.plugin'}\n"
        "    assert loaded == ours\n"
    )
    code, told = run(tmp_path)
    assert code == 0, told


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    """Its first test fails where the page says, and passes with the line that it names."""
    code = BLOCKS[0]
    (tmp_path / "test_login.py").write_text(code)
    status, told = run(tmp_path)
    assert status == 1
    assert "AssertionError: the session was idle for 31 minutes" in told
    assert re.search(r"session opened ok user=ci\n\S+ session ended ok user=ci idle", told)
    last = 'assert is_alive(), "the session was idle for 31 minutes"'
    (tmp_path / "test_login.py").write_text(code.replace(last, "assert not is_alive()"))
    status, told = run(tmp_path)
    assert status == 0, told


CLIENTS = re.findall(r"^def test_with_(\w+)", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(one, marks=[pytest.mark.peer] if one in ("pyvmomi", "govc") else [])
        for one in CLIENTS
    ],
)
def test_the_page_has_an_example_of_each_client(tmp_path: Path, client: str) -> None:
    code = next(one for one in BLOCKS if f"def test_with_{client}(" in one)
    (tmp_path / "test_it.py").write_text(code)
    more = {}
    if client == "pyvmomi":
        python = present(interpreter(PYVMOMI[0]))
        more["PYTHONPATH"] = next(map(str, python.parents[1].glob("lib/python3*/site-packages")))
    elif client == "govc":
        more["PATH"] = f"{present(program('govc')).parent}:{os.environ['PATH']}"
    status, told = run(tmp_path, "-k", client, environ=more)
    assert status == 0, told


def test_the_clients_are_those_that_people_have() -> None:
    assert set(CLIENTS) == {"httpx", "pyvmomi", "curl", "govc"}


REWRITTEN = """
import sys

import pytest

pytest.register_assert_rewrite("sessiongate")


def test_imports(sessiongate):
    import sessiongate.testing.sessions
    rewritten = {n for n in sys.modules if n.startswith("sessiongate.")
        and type(sys.modules[n].__spec__.loader).__module__.startswith("_pytest.")}
    assert "sessiongate.testing.sessions" in rewritten
    assert not any(n.startswith(("sessiongate.app", "sessiongate.service")) for n in rewritten)
"""


def test_a_server_is_imported_without_the_rewriting_of_asserts(tmp_path: Path) -> None:
    """Installed from a wheel, all of it is marked for that. What a test imports itself still is."""
    (tmp_path / "test_it.py").write_text(REWRITTEN, encoding="utf-8")
    code, said = run(tmp_path)
    assert code == 0, said
    assert "1 passed" in said
