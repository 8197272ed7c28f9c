"""The gateway's parts from the settings."""

from pathlib import Path

from sessiongate.app.gateway.gates import gates_of
from sessiongate.config import load
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.passwords import REFUSED
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
