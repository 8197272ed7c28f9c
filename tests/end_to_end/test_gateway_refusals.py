"""What a client hears when nothing is sent to the upstream: why, and when to come back, however it
calls.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Reply, Server
from tests.end_to_end.test_gateway import end_all, shared_gate, told, upstream
from tests.end_to_end.test_gateway_paths import rpc
from tests.end_to_end.test_session_manager import PATH, TOKEN, manager_gate
from tests.end_to_end.vim_soap import envelope
from tests.until import wait_until

__all__ = ["upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

QUICKLY = '[upstream.vc1.pool]\nqueue_time = "1s"'


def every_way(gate: Server, token: str) -> dict[str, Reply]:
    """The answers to a call of each way in, all made at once."""
    header = {"vmware-api-session-id": token}
    soap = {"Content-Type": "text/xml", "Cookie": f'vmware_soap_session="{token}"'}
    fetch = envelope("Fetch", "Folder", "group-d1", "<prop>name</prop>")
    call = json.dumps(rpc("com.vmware.vcenter.VM", "list")).replace("TOKEN", token)
    ways = {
        "SOAP": ("POST", "/sdk", soap, fetch),
        "VI/JSON": ("GET", "/sdk/vim25/8.0.2.0/Folder/group-d1/name", header, None),
        "/api": ("GET", "/api/vcenter/vm", header, None),
        "/rest": ("GET", "/rest/vcenter/vm", header, None),
        "JSON-RPC": ("POST", "/api", {"Content-Type": "application/json"}, call),
        "files": ("GET", "/folder/a?dcPath=dc&dsName=ds", header, None),
        "session manager": ("GET", PATH, {"Authorization": f"Bearer {TOKEN}"}, None),
    }
    with ThreadPoolExecutor(len(ways)) as pool:
        asked = {name: pool.submit(gate.request, *way) for name, way in ways.items()}
        return {name: one.result() for name, one in asked.items()}


def test_every_way_in_says_why_nothing_is_sent_and_when_to_come_back(
    upstream: Server, make_server: MakeServer, tmp_path: Path
) -> None:
    (tmp_path / "csi.token").write_text(TOKEN)
    gate = make_server(settings=manager_gate(upstream, tmp_path) + QUICKLY)
    token = gate.vim_token(ADMIN)

    def refused() -> list[str]:
        return [name for name, reply in every_way(gate, token).items() if reply.status != 200]

    # A busy machine does not log in to the upstream in a second.
    wait_until(lambda: refused() == ["files"])
    for command, seconds, why in (
        ("pause", "15", "an operator has paused what goes to the upstream"),
        ("drain", "60", "an operator has closed the upstream to new calls"),
    ):
        told(gate, "pools", command, "vc1")
        for name, reply in every_way(gate, token).items():
            assert reply.status == (200 if name == "JSON-RPC" else 503), (name, reply)
            assert reply.header("retry-after") == seconds, (name, reply)
            assert why in reply.body.decode(), (name, reply)
    told(gate, "pools", "resume", "vc1")
    end_all(upstream)
    upstream.stop()
    for name, reply in every_way(gate, token).items():
        assert reply.status == (200 if name == "JSON-RPC" else 503), (name, reply)
        assert 1 <= int(reply.header("retry-after") or 0) <= 6, (name, reply)
        body = reply.body.decode()
        assert "the upstream cannot be reached" in body, (name, reply)
        assert str(upstream.port) not in body
        assert "upstream.vc1" not in body


def test_pools_show_has_the_certificate_that_is_not_the_one_to_be_trusted(
    upstream: Server, make_server: MakeServer
) -> None:
    trusted = shared_gate(upstream)
    pinned = trusted.replace(f'ca = "{upstream.ca}"', f'fingerprint = "{"AB" * 32}"')
    gate = make_server(settings=pinned)
    header = {"vmware-api-session-id": gate.vim_token(ADMIN)}
    refused = gate.request("GET", "/api/vcenter/vm", header)
    assert refused.status == 503
    assert "Fingerprint" not in refused.body.decode()
    problem = told(gate, "pools", "show", "vc1")["problem"]
    assert problem.startswith(f"{upstream.url}: its certificate is not the one to be trusted")
    assert "upstream.vc1.fingerprint" in problem
    assert "sha256 Fingerprint=" in problem
