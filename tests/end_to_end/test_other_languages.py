"""Real clients in Ruby, PHP, Perl and C# that Debian brings, unmodified, on an empty vCenter."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import installed, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server

pytestmark = [pytest.mark.peer, EMBEDDED]

STORIES = Path(__file__).resolve().parents[1] / "peers"

RBVMOMI: dict[str, Any] = {
    "wrong password": "InvalidLogin",
    "api": "VirtualCenter",
    "user": "admin",
    "time": True,
    "root": "Datacenters",
    "children": [],
    "datacenter": None,
    "inventory": 1,
    "machines": [],
    "found": None,
    "updates": ["childEntity", "name"],
    "counters": {},
    "tasks": [],
    "new datacenter": "NotSupported",
    "after logout": None,
    "time after logout": "NotAuthenticated",
}
PHP: dict[str, Any] = {
    "api": "VirtualCenter",
    "wrong password": "InvalidLogin",
    "user": "admin",
    "current session": True,
    "root": "Datacenters",
    "children": 0,
    "time": True,
    "found": None,
    "after logout": [],
    "time after logout": "NotAuthenticated",
}
PERL: dict[str, Any] = {
    "api": "VirtualCenter",
    "wrong password": "InvalidLogin",
    "user": "admin",
    "current session": "admin",
    "root": "Datacenters",
    "children": 0,
    "time": True,
    "logout": "answered",
    "time after logout": "NotAuthenticated",
}
NO_MACHINES = '<ArrayOfVmApi xmlns="http://schemas.zerto.com/zvm/api"/>'


@pytest.mark.interop("rbvmomi")
def test_rbvmomi_lives_a_sessions_life(shared: Server) -> None:
    installed("ruby-rbvmomi", "ruby")
    if run("ruby", "-e", "require 'rbvmomi'").returncode != 0:
        pytest.skip("rbvmomi is not installed: Debian has it in ruby-rbvmomi")
    story = (STORIES / "rbvmomi_story.rb", "127.0.0.1", shared.port, *ADMIN)
    trusting = {**os.environ, "SSL_CERT_FILE": str(shared.ca)}
    done = run("ruby", "-W0", *story, env=trusting)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == RBVMOMI


@pytest.mark.interop("php")
def test_phps_soap_client_lives_a_sessions_life(shared: Server) -> None:
    installed("php-cli", "php")
    if "soap" not in run("php", "-m").stdout.split():
        pytest.skip("PHP has no SoapClient here: Debian has it in php-soap")
    done = run("php", STORIES / "php_story.php", shared.url, shared.ca, *ADMIN)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == PHP


@pytest.mark.interop("perl")
def test_soap_lite_lives_a_sessions_life(shared: Server) -> None:
    installed("perl", "perl")
    if run("perl", "-MSOAP::Lite", "-e", "1").returncode != 0:
        pytest.skip("SOAP::Lite is not installed: Debian has it in libsoap-lite-perl")
    trusting = {**os.environ, "PERL_LWP_SSL_CA_FILE": str(shared.ca)}
    done = run("perl", STORIES / "perl_story.pl", shared.url, *ADMIN, env=trusting)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == PERL


@pytest.mark.interop("dotnet")
def test_a_web_request_of_the_net_framework_starts_and_ends_a_session(
    shared: Server, tmp_path: Path
) -> None:
    installed("mono-mcs, mono-runtime", "mcs", "mono")
    story = tmp_path / "story.exe"
    made = run("mcs", f"-out:{story}", STORIES / "zerto_story.cs")
    assert made.returncode == 0, made.stderr
    [fingerprint] = re.findall("^Certificate SHA-256 (.+)$", shared.out.text, re.MULTILINE)
    done = run("mono", story, shared.url, fingerprint, *ADMIN)
    assert done.returncode == 0, done.stderr
    life = [
        "machines: 200 []",
        f"machines, XML: 200 {NO_MACHINES}",
        "end: 200",
        "end again: 401",
        "machines then: 401",
    ]
    assert done.stdout.splitlines() == [
        "wrong password: 401",
        *("at once: True", *life),
        *("challenged: True", *life),
        *("challenged, with a body: True", *life),
    ]
