"""Ansible's modules for vSphere, unmodified, over verified TLS, on an empty vCenter.

Installing it takes too long for every run, so that it is no peer that every run requires.
"""

import json
import os
from pathlib import Path

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server
from tests.peers.setup import ansible_collections, ansible_interpreter, ansible_modules
from tests.until import PATIENCE

STORY = Path(__file__).resolve().parents[1] / "peers" / "ansible_story.yml"


@pytest.mark.slow
@EMBEDDED
@pytest.mark.interop("ansible")
def test_modules_find_nothing_and_no_error(shared: Server, tmp_path: Path) -> None:
    collections, modules = present(ansible_collections()), present(ansible_modules())
    found = tmp_path / "found.json"
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(tmp_path),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_PYTHON_INTERPRETER": str(modules),
        "SSL_CERT_FILE": str(shared.ca),
        "REQUESTS_CA_BUNDLE": str(shared.ca),
        "VMWARE_HOST": "127.0.0.1",
        "VMWARE_PORT": str(shared.port),
        "VMWARE_USER": ADMIN[0],
        "VMWARE_PASSWORD": ADMIN[1],
        "FOUND": str(found),
    }
    program = present(ansible_interpreter()).with_name("ansible-playbook")
    asked = ("-i", "localhost,", "-c", "local", STORY)
    # Each task starts an interpreter of its own.
    done = run(program, *asked, env=environment, folder=tmp_path, patience=6 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(found.read_text(encoding="utf-8"))
    assert "Cannot complete login" in facts.pop("stranger")
    assert "Authentication failure. code: 401" in facts.pop("rest stranger")
    # What it asks of an appliance's network and clock is not here; the SDK says so.
    assert "OPERATION_NOT_FOUND" in facts.pop("whole")
    assert facts.pop("product") == facts.pop("rest product") == "VMware vCenter Server"
    assert facts.pop("access") == {
        "consolecli": False,
        "dcui": False,
        "shell": {"enabled": "False", "timeout": "0"},
        "ssh": False,
    }
    assert facts.pop("about") == "VirtualCenter"
    assert facts.pop("machine") == "Unable to gather information for non-existing VM web"
    assert facts.pop("cluster") == "Failed to find datacenter 'east'"
    assert facts.pop("host") == "ESXi 'esx1' not found"
    assert facts.pop("rest machine") == "NOT_FOUND"
    assert len(facts) == 21
    assert not any(facts.values()), facts
