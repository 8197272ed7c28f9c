"""Where the server of tests is: in a child of pytest, and one that runs already."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.testing import Gate, starter
from sessiongate.testing.plugin import StartedGates
from sessiongate.testing.ready_file import DevServer, write_ready_file
from sessiongate.testing.remote_gate import RemoteGate
from sessiongate.testing.remote_line import RemoteLine
from tests.each import each
from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import environment
from tests.testing.test_plugin import PLAIN, run
from tests.until import PATIENCE, wait_until

STORY = """
from datetime import timedelta

import pytest
import requests


def login(gate, name="ci", password=None, agent="nightly/1"):
    password = gate.users[name].password if password is None else password
    return requests.post(
        f"{gate.url}/api/session", auth=(name, password), verify=str(gate.ca),
        headers={"user-agent": agent}, timeout=60,
    )


def test_time_goes_ahead(sessiongate):
    token = login(sessiongate).json()
    (session,) = sessiongate.sessions("ci")
    assert (session.user, session.user_agent) == ("ci", "nightly/1")
    before = sessiongate.clock.now()
    assert sessiongate.clock.advance(minutes=29).ended == 0
    assert sessiongate.clock.advance(minutes=31).ended == 1
    assert (sessiongate.clock.now() - before).total_seconds() >= 3600
    assert sessiongate.events("session opened").count == 1
    alive = requests.get(
        f"{sessiongate.url}/api/session", headers={"vmware-api-session-id": token},
        verify=str(sessiongate.ca), timeout=60,
    )
    assert alive.status_code == 401


def test_it_is_new_for_each_test(sessiongate):
    assert sessiongate.sessions() == []
    assert sessiongate.events("session opened").count == 0


def test_faults_and_ends(sessiongate):
    for_an_hour = {"times": 1, "for_": timedelta(hours=1)}
    with sessiongate.fault("http.status", status=503, **for_an_hour) as fault:
        assert login(sessiongate).status_code == 503
        assert login(sessiongate).status_code == 201
    fault.must_hit()
    assert fault.hits == 1
    assert sessiongate.end("ci") == 1
    assert sessiongate.unlock("ci") is False


def test_scenarios(sessiongate):
    with sessiongate.scenario("stale-password") as placed:
        assert login(sessiongate).status_code == 401
    assert placed.hits == 1
    assert login(sessiongate).status_code == 201
    assert (sessiongate.data_dir / "tls").is_dir()


def test_a_reset_takes_rules_and_none_of_later_ones(sessiongate):
    with sessiongate.fault("http.status", status=503) as before:
        assert login(sessiongate).status_code == 503
        sessiongate.reset()
        later = sessiongate.fault("http.status", status=500)
    assert (before.hits, later.id) == (1, before.id)
    assert login(sessiongate).status_code == 500
    later.must_hit()


@pytest.mark.sessiongate(leaks="fail")
def test_leaks(sessiongate):
    login(sessiongate, agent="leaky/7")


def test_what_only_its_process_knows(sessiongate):
    with pytest.raises(RuntimeError, match="--sessiongate=inprocess"):
        sessiongate.requests()
    with pytest.raises(RuntimeError, match="--sessiongate=inprocess"):
        sessiongate.lock("ci")
"""

OF_ITS_OWN = """
import pytest


@pytest.mark.sessiongate(idle_timeout="5m", users={"ci": "operator"}, tls=False)
def test_settings(sessiongate):
    assert sessiongate.users["ci"].role == "operator"
    assert sessiongate.url.startswith("http://")


def test_fails(sessiongate):
    sessiongate.end("nobody")
    assert sessiongate.clock.advance(minutes=1).ended == 1
"""

PASSED = (
    *("test_time_goes_ahead", "test_it_is_new_for_each_test", "test_faults_and_ends"),
    *("test_scenarios", "test_a_reset_takes_rules_and_none_of_later_ones"),
)


def is_told(told: str) -> None:
    for name in (*PASSED, "test_what_only_its_process_knows"):
        assert f"PASSED test_it.py::{name}\n" in told, told
    assert "the test leaves 1 open sessions:\n  ci by leaky/7 from 127.0.0.1 (rest)" in told


@pytest.mark.slow
def test_a_child_of_pytest_serves(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(STORY + OF_ITS_OWN)
    (tmp_path / "pytest.ini").write_text("[pytest]\nsessiongate = subprocess\n")
    _, told = run(tmp_path)
    is_told(told)
    assert "PASSED test_it.py::test_settings\n" in told
    section = told.partition(" sessiongate -")[2]
    assert "events:\n" in section
    assert "\nlog:\n" in section


@pytest.fixture
def short() -> Iterator[str]:
    """A directory for temporary files in which a control socket's name is not too long."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield folder


@pytest.mark.slow
def test_a_server_that_runs_serves(tmp_path: Path, short: str) -> None:
    """By its ready file, and by the variables that a command of `dev` has."""
    (tmp_path / "test_it.py").write_text(STORY)
    file = tmp_path / "ready.json"
    server = Forked(["dev", "--ready-file", str(file)], environment({"TMPDIR": short}))
    try:
        wait_until(file.exists)
        is_told(run(tmp_path, f"--sessiongate={file}")[1])
        (tmp_path / "test_own.py").write_text(OF_ITS_OWN)
        code, told = run(tmp_path, f"--sessiongate={file}", "test_own.py")
        assert code != 0
        assert "is as it is; this test asks for idle_timeout, tls, users" in told
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
        server.stdout.close()
        server.stderr.close()
    inner = f"exec {sys.executable} -m pytest {' '.join(PLAIN)}"
    line = f'{inner} --sessiongate="$SESSIONGATE_URL" test_it.py'
    done = subprocess.run(
        [sys.executable, "-m", "sessiongate.cli.main", "dev", "--", "sh", "-c", line],
        cwd=tmp_path,
        env=environment({"TMPDIR": short}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    is_told(done.stdout)


def test_it_has_all_members_wherever_it_is() -> None:
    described = DevServer("http://127.0.0.1:1", "", None, "", {}, "", 0, 0)
    there = {name for name in dir(RemoteGate(described, None)) if not name.startswith("_")}
    with Gate.start(tls=False) as gate:
        here = {name for name in dir(gate) if not name.startswith("_")}
    assert here - there == {"start"}


@each(
    ("where", "says"),
    [
        ("subproces", "there are inprocess, subprocess, a URL, or the ready file"),
        ("https://127.0.0.1:1", "set SESSIONGATE_OPERATIONS and SESSIONGATE_DEV_TOKEN"),
        (__file__, "is no ready file of `sessiongate dev`"),
    ],
)
def test_where_there_is_none(where: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPERATIONS", "DEV_TOKEN", "DATA_DIR"):
        monkeypatch.delenv(f"SESSIONGATE_{name}", raising=False)
    with pytest.raises(ValueError, match=says):
        starter(where)


def test_one_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    path, nobody = tmp_path / "ready.json", "http://127.0.0.1:1"
    write_ready_file(path, DevServer(nobody, nobody, None, "", {}, "token", 1, 0))
    with pytest.raises(pytest.UsageError, match=r"ready\.json: the server does not answer: "):
        StartedGates(str(path)).start({})


def test_what_is_no_dev_server_is_said_to_be_none() -> None:
    said = r"/dev/clock: status 404, and no JSON: what answers is no `sessiongate dev`"
    with Gate.start(tls=False, settings={"console.listen": "127.0.0.1:0"}) as gate:
        pages = vars(gate)["_thread"].running.started.console.removesuffix("/console/")
        with pytest.raises(ValueError, match=said):
            RemoteLine(None, pages, "token", None).ask("GET", "/dev/clock")


FOR_EVER = """
import signal

def test_it(sessiongate):
    print("SERVER", sessiongate.pid, flush=True)
    signal.pause()
"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_where_pytest_is_killed_its_server_ends(tmp_path: Path, short: str) -> None:
    (tmp_path / "test_it.py").write_text(FOR_EVER)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    arguments = [*PLAIN, "-s", "--sessiongate=subprocess"]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        env={**kept, "TMPDIR": short},
        stdout=subprocess.PIPE,
        text=True,
    ) as pytest_run:
        assert pytest_run.stdout is not None
        line = pytest_run.stdout.readline()
        assert "SERVER" in line, line + pytest_run.stdout.read()
        server = int(line.partition("SERVER ")[2])
        assert runs(server)
        pytest_run.kill()
        wait_until(lambda: not runs(server))  # 0.4 s where others keep the machine busy
        assert list(Path(short).glob("sg-*"))
        assert not list(Path(short).glob("sg-*/sessiongate-dev-*"))
