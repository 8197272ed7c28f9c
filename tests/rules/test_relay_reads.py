"""The list of methods that read: nothing in it changes something."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from sessiongate.rules.relay_reads import READING
from sessiongate.rules.relay_services import READING_SERVICES
from tests.each import each
from tests.end_to_end.clients import present
from tests.peers.setup import PYVMOMI, interpreter

# How the vendor names what changes something.
_CHANGES = re.compile(
    r"(Add|Apply|Attach|Clear|Create|Delete|Destroy|Detach|Disable|Enable|Format|Install|Mark|"
    r"Migrate|Move|Power|Reconfigure|Register|Relocate|Remove|Rename|Reset|Set|Terminate|Update|"
    r"Upload)[A-Z]"
)


def test_nothing_changes_anything_or_makes_a_task_but_a_search() -> None:
    assert not [name for name in READING if _CHANGES.match(name)]
    tasks = {name for name in READING if name.endswith("_Task")}
    assert tasks == {"SearchDatastore_Task", "SearchDatastoreSubFolders_Task"}


TAKE_SECRETS = Path(__file__).resolve().parents[1] / "peers" / "pyvmomi_secrets.py"


@each(
    "method",
    [
        *("QueryConnectionInfo", "QueryConnectionInfoViaSpec", "BatchQueryConnectInfo"),
        *("RetrieveKmipServerCert", "VsanHostQueryVerifyNetworkSettings"),
        *("ValidateCredentialsInGuest", "ListFilesInGuest", "VsanClusterGetHclInfo"),
    ],
)
def test_readers_try_no_password_and_no_address_of_their_own(method: str) -> None:
    """It goes to the host or guest that is named there, with a password that is given there."""
    assert method not in READING | READING_SERVICES


def test_readers_may_ask_of_a_host_that_the_vcenter_has() -> None:
    assert "QueryHostConnectionInfo" in READING


@pytest.mark.peer
@pytest.mark.parametrize("version", PYVMOMI)
def test_the_vendor_s_methods_that_take_a_password_are_none_that_read(version: str) -> None:
    run = (present(interpreter(version)), "-W", "ignore", TAKE_SECRETS)
    found = json.loads(subprocess.run(run, check=True, capture_output=True, timeout=60).stdout)
    assert {"Login", "QueryConnectionInfo", "AddHost_Task"} <= set(found)
    assert {name: found[name] for name in found if name in READING | READING_SERVICES} == {}
