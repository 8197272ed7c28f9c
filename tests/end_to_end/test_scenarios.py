"""Real clients in each scenario: what docs/faults.md says of them.

Each logs in while all is well. In the scenario it uses its session twice, and another one of its
kind logs in.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from sessiongate.faults.scenarios import SCENARIOS
from sessiongate.testing import Gate
from tests.end_to_end.clients import present, run
from tests.peers.setup import PYVMOMI, interpreter, program
from tests.until import PATIENCE

FLAKY = "flaky-network"
"""What comes of it is left to chance."""

Sees = Mapping[str, tuple[str, str, str]]
"""By scenario: what comes of the first use, of the second, and of another client's login."""

PYVMOMI_SEES: Sees = {
    "idle-surprise": ("NotAuthenticated", "NotAuthenticated", "ok"),
    "cap-550": ("ok", "ok", "Exception"),
    "restart": ("broken", "broken", "broken"),
    "stale-password": ("ok", "ok", "InvalidLogin"),
    "half-rotten": ("NotAuthenticated", "NotAuthenticated", "ok"),
    "slow-directory": ("ok", "ok", "ok"),
    "rotate-certificate": ("ok", "ok", "ok"),
}
"""A use is two requests of pyVmomi, so that the surprise is in the first."""

_WRONG = "Cannot complete login due to an incorrect user name or password."
GOVC_SEES: Sees = {
    "idle-surprise": ("NotAuthenticated", "ok", "ok"),
    "cap-550": ("ok", "ok", "503 Service Unavailable"),
    "restart": ("broken", "broken", "broken"),
    "stale-password": ("ok", "ok", _WRONG),
    "half-rotten": ("NotAuthenticated", "NotAuthenticated", "NotAuthenticated"),
    "slow-directory": ("ok", "ok", "ok"),
    "rotate-certificate": ("ok", "ok", "ok"),
}
"""One that has just logged in asks for more at once, and finds its session rotten too."""

ZERTO_SEES: Sees = {
    "idle-surprise": ("200", "401", "200"),
    "cap-550": ("200", "200", "503"),
    "restart": ("broken", "broken", "broken"),
    "stale-password": ("200", "200", "401"),
    "half-rotten": ("401", "401", "200"),
    "slow-directory": ("200", "200", "200"),
    "rotate-certificate": ("200", "200", "200"),
}


@pytest.fixture(scope="module")
def one() -> Iterator[Gate]:
    with Gate.start(seed=3) as gate:
        yield gate


@pytest.fixture
def gate(one: Gate) -> Gate:
    one.reset()
    return one


_STORY = """
import http.client, json, os, ssl, sys, urllib.request
from pyVim.connect import Disconnect, SmartConnect

GATE = json.loads(os.environ["GATE"])
TRUST = ssl.create_default_context(cafile=GATE["ca"])

def steer(verb, path, value=None):
    body = None if value is None else json.dumps(value).encode()
    told = {"X-Sessiongate-Dev": GATE["token"]}
    asked = urllib.request.Request(GATE["operations"] + path, body, told, method=verb)
    urllib.request.urlopen(asked, timeout=60).read()

def log_in():
    return SmartConnect(host=GATE["host"], port=GATE["port"], user="ci", pwd=GATE["password"],
                        sslContext=TRUST)

def outcome(act):
    try:
        act()
    except (OSError, http.client.HTTPException):
        return "broken"
    except Exception as error:
        return type(error).__name__.rpartition(".")[2]
    return "ok"

found = {}
for name, rules in GATE["scenarios"].items():
    here = log_in()
    use = lambda: here.content.sessionManager.sessionList
    use()
    for rule in rules:
        steer("POST", "/dev/faults", rule)
    found[name] = [outcome(use), outcome(use), outcome(log_in)]
    steer("POST", "/dev/reset")
print(json.dumps(found))
"""


@pytest.mark.peer
@pytest.mark.interop(f"pyvmomi-{PYVMOMI[0]}")
def test_pyvmomi_in_each_scenario(gate: Gate) -> None:
    told = {
        "ca": str(gate.ca),
        "token": gate.token,
        "operations": gate.operations,
        "host": gate.host,
        "port": gate.port,
        "password": gate.users["ci"].password,
        "scenarios": {name: one.rules for name, one in SCENARIOS.items()},
    }
    python = present(interpreter(PYVMOMI[0]))
    done = run(python, "-c", _STORY, env={**os.environ, "GATE": json.dumps(told)})
    assert done.returncode == 0, done.stderr
    found = {name: tuple(outcomes) for name, outcomes in json.loads(done.stdout).items()}
    assert set(found.pop(FLAKY)) <= {"ok", "broken"}
    assert found == PYVMOMI_SEES


def _says(text: str) -> str:
    """What govc says on standard error, without names of this server."""
    said = text.strip().rpartition("\n")[2].rpartition(": ")[2]
    return "broken" if said in ("EOF", "connection reset by peer") else said


@pytest.mark.peer
@pytest.mark.interop("govc-soap")
def test_govc_in_each_scenario(gate: Gate, tmp_path: Path) -> None:
    govc = present(program("govc"))

    def outcome(home: Path) -> str:
        kept = {"PATH": os.environ["PATH"], "HOME": str(home), "GOVMOMI_HOME": str(home)}
        env = {**kept, **gate.env("govc"), "GOVC_PERSIST_SESSION": "true"}
        done = run(govc, "session.ls", env=env)
        return "ok" if done.returncode == 0 else _says(done.stderr)

    found = {}
    for name in SCENARIOS:
        if name == FLAKY:
            continue
        gate.reset()
        kept, fresh = tmp_path / name, tmp_path / f"{name}-fresh"
        assert outcome(kept) == "ok"
        with gate.scenario(name):
            found[name] = (outcome(kept), outcome(kept), outcome(fresh))
    assert found == GOVC_SEES


def test_a_zerto_script_in_each_scenario(gate: Gate) -> None:
    """With requests, as the vendor's examples do."""
    verify = str(gate.ca)

    def log_in() -> requests.Response:
        url, auth = f"{gate.url}/v1/session/add", ("ci", gate.users["ci"].password)
        return requests.post(url, auth=auth, verify=verify, timeout=PATIENCE)

    def use(token: str) -> str:
        headers = {"x-zerto-session": token}
        url = f"{gate.url}/v1/vpgs"
        try:
            return str(
                requests.get(url, headers=headers, verify=verify, timeout=PATIENCE).status_code
            )
        except requests.ConnectionError:
            return "broken"

    def another() -> str:
        try:
            return str(log_in().status_code)
        except requests.ConnectionError:
            return "broken"

    found = {}
    for name in SCENARIOS:
        gate.reset()
        token = log_in().headers["x-zerto-session"]
        with gate.scenario(name):
            found[name] = (use(token), use(token), another())
    assert set(found.pop(FLAKY)) <= {"200", "404", "broken"}
    assert found == ZERTO_SEES
