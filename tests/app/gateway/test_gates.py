"""The gateway's parts from the settings."""

from pathlib import Path

import pytest

from sessiongate.app.gateway.gates import gates_of, tokens_of_servers
from sessiongate.config import load
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.passwords import REFUSED
from sessiongate.gateway.leases.tokens_in_use import TokenShown
from sessiongate.secret import Secret
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.gate import Gate

DIGEST = bytes(32)

SETTINGS = {
    "type": "vcenter",
    "verify": False,
    "account": "service",
    "password": "wrong",
    "roles": ["administrator"],
}

ACCOUNTS = {
    "one": ("https://vc.example", "svc@vsphere.local"),
    "same": ("https://VC.example:443", "SVC@vsphere.local"),
    "other": ("https://vc.example", "svc2@vsphere.local"),
    "elsewhere": ("https://vc2.example", "svc@vsphere.local"),
}


async def test_sec_58_tables_of_one_account_share_what_was_refused(
    gate: Gate, tmp_path: Path
) -> None:
    """Also over a restart, when the store alone knows of it."""
    told: dict[str, object] = {"server.data_dir": str(tmp_path)}
    for name, (url, username) in ACCOUNTS.items():
        more = {"url": url, "username": username, "hosts": [f"{name}.example"]}
        told |= {f"upstream.{name}.{key}": value for key, value in {**SETTINGS, **more}.items()}
    config = load(None, {}, told)

    def credentials() -> dict[str, Credential]:
        made = gates_of(config, gate.store, gate.clock, gate.sessions, gate.journal)
        found = {name: one.accounts.credential for name, one in made.items()}
        return {name: one for name, one in found.items() if one is not None}

    here = credentials()
    await here["one"].refuse("soap", here["one"].attempts.soap, DIGEST, "refused")
    assert {name for name, one in here.items() if one.attempts.soap.left(DIGEST)} == {"one", "same"}
    after = credentials()
    left = {}
    for name, one in after.items():
        assert one.refusals is not None
        left[name] = await one.refusals.left("soap", DIGEST, REFUSED)
        assert await one.refusals.left("rest", DIGEST, REFUSED) == 0
    assert left == {"one": REFUSED, "same": REFUSED, "other": 0, "elsewhere": 0}


SERVERS = {
    "one": {"url": "https://vc.example"},
    "same address": {"url": "https://VC.example:443"},
    "same certificate": {"url": "https://10.1.1.1", "fingerprint": "AB" * 32},
    "and address": {"url": "https://vc.example", "fingerprint": "ab" * 32},
    "other": {"url": "https://vc2.example", "fingerprint": "cd" * 32},
    "other port": {"url": "https://vc.example:8443"},
}


def test_sec_60_what_a_server_calls_its_token_is_looked_for_in_its_own_replies_alone() -> None:
    """Else it could name what stands in another's, whose clients would get no reply any more."""
    told: dict[str, object] = {}
    for name, more in SERVERS.items():
        about = {**SETTINGS, **more, "username": "svc", "hosts": [f"{len(told)}.example"]}
        key = name.replace(" ", "-")
        told |= {f"upstream.{key}.{setting}": value for setting, value in about.items()}
    tables = load(None, {}, told).upstream
    found = tokens_of_servers(tables)
    assert found.keys() == tables.keys()
    numbers = {tokens: number for number, tokens in enumerate(dict.fromkeys(found.values()))}
    together = [sorted(name for name in found if found[name] is one) for one in numbers]
    assert sorted(together) == [
        ["and-address", "one", "same-address", "same-certificate"],
        ["other"],
        ["other-port"],
    ]
    hostile = UserSession("com.vmware.vim25.ManagedObjectTypes", "svc", "", "")
    opened = UpstreamSession(WireForm.SOAP, Secret("ManagedObjectReference"), hostile)
    found["other"].put("lease", opened)
    reply = (
        b'<returnval xsi:type="ManagedObjectReference" type="com.vmware.vim25.ManagedObjectTypes"/>'
    )
    assert found["one"].cleaned(reply, "theirs", "ours") == reply
    with pytest.raises(TokenShown):
        found["other"].cleaned(reply, "theirs", "ours")
