"""The systemd unit: systemd can read it where there is one, and it leaves little open."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sessiongate.cli.output import Exit
from sessiongate.config import load
from tests.each import each
from tests.house.sources import ROOT

UNIT = ROOT / "deploy" / "systemd" / "sessiongate.service"
ACCOUNT = ROOT / "deploy" / "systemd" / "sessiongate.conf"

HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectProc": "invisible",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "StateDirectory": "sessiongate",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
}


def settings() -> dict[str, list[str]]:
    """Every setting of the unit, with all its values."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@each("name", HARDENED)
def test_it_is_shut_in(name: str) -> None:
    assert settings()[name] == [HARDENED[name]]


def test_it_runs_as_an_account_of_its_own() -> None:
    (user,) = settings()["User"]
    assert user != "root"
    line = re.findall(r"^u (\S+) - .* (\S+)$", ACCOUNT.read_text(encoding="utf-8"), re.MULTILINE)
    assert line == [(user, "/var/lib/sessiongate")]


def test_its_settings_are_settings() -> None:
    pairs = dict(one.split("=", 1) for one in settings()["Environment"])
    ours = {name: value for name, value in pairs.items() if name.startswith("SESSIONGATE_")}
    assert str(load(environ=ours).server.data_dir) == "/var/lib/sessiongate"


def test_it_waits_longer_than_the_server_itself() -> None:
    (seconds,) = settings()["TimeoutStopSec"]
    assert int(seconds) > load().server.limits.shutdown_grace.total_seconds()


def test_it_may_open_as_many_files_as_there_may_be_connections() -> None:
    (files,) = settings()["LimitNOFILE"]
    assert int(files) > load().server.limits.connections * 2


def test_settings_that_cannot_be_served_are_not_tried_again() -> None:
    assert settings()["RestartPreventExitStatus"] == [str(int(Exit.SETTINGS))]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The unit with a program that is on this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    text = UNIT.read_text(encoding="utf-8")
    path = tmp_path / UNIT.name
    path.write_text(text.replace("/opt/sessiongate/bin/sessiongate", sys.executable))
    return path


def test_systemd_can_read_it(here: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_would_say_so_if_it_could_not(here: Path) -> None:
    here.write_text(here.read_text().replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NoNewPrivilege" in done.stderr


def test_systemd_finds_little_left_open(here: Path) -> None:
    """Below 2.0 is "OK", which few services of a distribution come to."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "nrecognized option" in done.stderr:
        pytest.skip("a systemd before 250 judges running services only")
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.skipif(sys.platform != "linux", reason="system calls of Linux")
def test_threads_that_hash_may_step_back() -> None:
    """`setpriority` is in a group that the filter denies, and hashing must give way to checks."""
    filters = settings()["SystemCallFilter"]
    denied = next(place for place, value in enumerate(filters) if "@resources" in value)
    assert "setpriority" in " ".join(filters[denied + 1 :])
