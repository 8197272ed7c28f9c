"""The vSphere cloud provider's own packages, unchanged, with our clone tickets.

They are built when they are asked for by name (`kubernetes`), into a cache outside the clone.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.clients import present
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import Server
from tests.end_to_end.test_gateway import SERVICE, sessions, upstream
from tests.end_to_end.test_session_manager import PATH, TOKEN, Told, gate
from tests.peers.setup import cloud_provider
from tests.peers.simulator import simulator

__all__ = ["gate", "upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

SERVICE_THERE = "VSPHERE.LOCAL\\svc"
"""What the service account is called in its sessions."""


def lines(*arguments: str, ca: Path | None = None) -> list[Told]:
    """What the cloud provider's own packages say of each step, all of which went well."""
    program = present(cloud_provider())
    environment = {"SSL_CERT_FILE": str(ca)} if ca is not None else {}
    done = subprocess.run(
        [str(program), *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert said, done
    return said


@pytest.mark.interop("cloud-provider")
def test_the_cloud_provider_logs_in_by_our_ticket(gate: Server, upstream: Server) -> None:
    place = upstream.url.removeprefix("https://")
    steps = lines(
        *("login", "-manager", f"{gate.url}{PATH}", "-token", TOKEN),
        *("-vcenter", place, "-ca", str(upstream.ca)),
        ca=gate.ca,
    )
    assert [one["step"] for one in steps if not one["ok"]] == []
    assert {one["user"] for one in steps if one["step"] == "current session"} == {SERVICE_THERE}
    assert len(sessions(upstream)) == 1, "its clones are logged out, and the parent is there"


@pytest.mark.interop("cloud-provider")
def test_the_cloud_provider_finds_its_secret_after_an_empty_login(
    gate: Server, upstream: Server, tmp_path: Path
) -> None:
    place = upstream.url.removeprefix("https://")
    host = place.partition(":")[0]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / f"{host}.vc-session-manager-url").write_text(f"{gate.url}{PATH}\n")
    (secrets / f"{host}.vc-session-manager-token").write_text(f"{TOKEN}\n")
    steps = lines(
        *("secret", "-dir", str(secrets), "-vcenter", place, "-ca", str(upstream.ca)),
        ca=gate.ca,
    )
    assert [one["step"] for one in steps if not one["ok"]] == []


@pytest.mark.interop("cloud-provider")
def test_the_cloud_provider_at_a_simulated_vcenter(make_server: MakeServer, tmp_path: Path) -> None:
    (tmp_path / "csi.token").write_text(TOKEN)
    with simulator(*SERVICE) as port:
        settings = f"""
        [upstream.vc1]
        type = "vcenter"
        url = "https://127.0.0.1:{port}"
        verify = false
        account = "service"
        username = "{SERVICE[0]}"
        password = "{SERVICE[1]}"
        roles = ["administrator"]
        [session_manager.clients.cpi]
        upstreams = ["vc1"]
        token_files = ["{tmp_path}/csi.token"]
        """
        gate = make_server(settings=settings)
        steps = lines(
            *("login", "-manager", f"{gate.url}{PATH}", "-token", TOKEN),
            *("-vcenter", f"127.0.0.1:{port}"),
            ca=gate.ca,
        )
        # The simulator's Automation API does not know sessions of SOAP, as vCenter's did before
        # 8.0 U3.
        assert {one["step"] for one in steps if not one["ok"]} <= {"rest session"}
        assert {one["user"] for one in steps if one["step"] == "current session"}


@pytest.mark.interop("cloud-provider")
def test_the_cloud_provider_leaves_no_connection_open(gate: Server) -> None:
    arguments = ("ticket", "-manager", f"{gate.url}{PATH}", "-token", TOKEN, "-times", "5")
    steps = lines(*arguments, ca=gate.ca)
    assert len({one["ticket"] for one in steps}) == 5
