"""The pytest plugin, as pytest itself runs it: one run of tests that pass, fail and leak."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

PLAIN = ("-p", "no:cacheprovider", "-p", "no:randomly", "-q", "-rA")

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


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run pytest there, as somebody would who has never heard of our own tests."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLAIN, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
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
    assert re.search(r"UserWarning: the test leaves 1 open sessions:\s+ci by leaky/8", told)
    assert "sessiongate: leaks: 'perhaps' is none of off, warn, fail" in told
    assert "no argument is called 'user'; users, profile" in told


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
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "test_login.py").write_text(code)
    status, told = run(tmp_path)
    assert status == 1
    assert "AssertionError: the session was idle for 31 minutes" in told
    assert re.search(r"session opened ok user=ci\n\S+ session ended ok user=ci idle", told)
    last = 'assert is_alive(), "the session was idle for 31 minutes"'
    (tmp_path / "test_login.py").write_text(code.replace(last, "assert not is_alive()"))
    status, told = run(tmp_path)
    assert status == 0, told
