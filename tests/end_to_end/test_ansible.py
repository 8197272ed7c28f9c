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
from tests.peers.setup import ansible_collections, ansible_interpreter, sdk_interpreter

STORY = Path(__file__).resolve().parents[1] / "peers" / "ansible_story.yml"


@pytest.mark.slow
@EMBEDDED
@pytest.mark.interop("ansible")
def test_modules_find_nothing_and_no_error(shared: Server, tmp_path: Path) -> None:
    collections, modules = present(ansible_collections()), present(sdk_interpreter())
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
    done = run(program, "-i", "localhost,", "-c", "local", STORY, env=environment, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(found.read_text(encoding="utf-8"))
    assert "Cannot complete login" in facts.pop("stranger")
    assert facts == {
        "about": "VirtualCenter",
        "datacenters": [],
        "machines": [],
        "machine": "Unable to gather information for non-existing VM web",
        "guests": [],
        "product": "VMware vCenter Server",
    }
