"""Terraform's provider, Ansible's modules and telegraf, unmodified, through a gateway before the
simulator: they say, find and make what they do without one.

Getting and building them takes too long for every run, so that they are no peers that every run
requires.
"""

import json
import os
import re
import shutil
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN
from tests.end_to_end.test_gateway_clients import SERVICE, by_service, sessions_at
from tests.peers.setup import ansible_collections, ansible_interpreter, ansible_modules, program
from tests.peers.simulator import simulator
from tests.until import PATIENCE

pytestmark = pytest.mark.slow

STORIES = Path(__file__).resolve().parents[1] / "peers"
SIZE = 3


@dataclass
class Where:
    """A vCenter, as these programs are told of it."""

    port: int
    person: tuple[str, str]
    ca: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """For a program that believes this certificate alone."""
        self.home.mkdir()
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "SSL_CERT_FILE": str(self.ca),
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }


def told(
    story: Callable[[Where], Any], make_server: MakeServer, folder: Path, mode: str
) -> tuple[Any, Any]:
    """What a program says of the simulator, and of another one through a gateway.

    That has no more sessions at the simulator than it may, and leaves none.
    """
    found = []
    for through in (False, True):
        with simulator(*SERVICE, "inventory") as port:
            ca = folder / f"simulator-{through}.pem"
            ca.write_text(ssl.get_server_certificate(("127.0.0.1", port)))
            where = Where(port, SERVICE, ca, folder / f"home-{through}")
            if through:
                gate = make_server(settings=by_service(port, mode, SIZE))
                where = Where(gate.port, ADMIN, gate.ca, where.home)
            found.append(story(where))
            if through:
                assert sessions_at(port, folder / "watcher") <= SIZE
                gate.stop()
                assert sessions_at(port, folder / "watcher after the stop") == 0
    return found[0], found[1]


def terraform(where: Where) -> Any:
    provider = present(program("terraform-provider-vsphere"))
    environment = where.environment
    folder = where.home
    shutil.copy(STORIES / "terraform" / "house.tf", folder)
    settings = folder / "terraform.rc"
    override = f'dev_overrides {{ "hashicorp/vsphere" = "{provider.parent}" }}'
    settings.write_text(f"provider_installation {{\n{override}\n}}\n", encoding="utf-8")
    environment |= {
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(settings),
        "VSPHERE_SERVER": f"127.0.0.1:{where.port}",
        "VSPHERE_USER": where.person[0],
        "VSPHERE_PASSWORD": where.person[1],
    }

    def done(*command: str) -> str:
        ended = run("terraform", *command, env=environment, folder=folder, patience=2 * PATIENCE)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    applied = done("apply", "-no-color", "-input=false", "-auto-approve")
    said = [re.search(r"Apply complete! (.*)", applied)]
    outputs = json.loads(done("output", "-json"))["found"]["value"]
    said.append(re.search(r"No changes|\d+ to change", done("plan", "-no-color", "-input=false")))
    destroyed = done("destroy", "-no-color", "-input=false", "-auto-approve")
    said.append(re.search(r"Destroy complete! (.*)", destroyed))
    return outputs, [one and one[0] for one in said]


@pytest.mark.interop("terraform-gateway")
def test_terraform_makes_and_takes_away_the_same(make_server: MakeServer, tmp_path: Path) -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: no registry of packages has it")
    present(program("terraform-provider-vsphere"))
    direct, through = told(terraform, make_server, tmp_path, "shared")
    assert through == direct
    assert direct[0]["folder"] == "attic"


def ansible(where: Where) -> Any:
    found = where.home / "found.json"
    environment = where.environment | {
        "ANSIBLE_COLLECTIONS_PATH": str(present(ansible_collections())),
        "ANSIBLE_PYTHON_INTERPRETER": str(present(ansible_modules())),
        "VMWARE_HOST": "127.0.0.1",
        "VMWARE_PORT": str(where.port),
        "VMWARE_USER": where.person[0],
        "VMWARE_PASSWORD": where.person[1],
        "FOUND": str(found),
    }
    play = present(ansible_interpreter()).with_name("ansible-playbook")
    asked = ("-i", "localhost,", "-c", "local", STORIES / "ansible_house.yml")
    done = run(play, *asked, env=environment, folder=where.home, patience=6 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(found.read_text(encoding="utf-8"))


@pytest.mark.interop("ansible-gateway")
def test_ansible_finds_and_changes_the_same(make_server: MakeServer, tmp_path: Path) -> None:
    present(ansible_collections())
    direct, through = told(ansible, make_server, tmp_path, "session")
    assert through == direct
    assert [direct[one] for one in ("folder", "folder again")] == [True, False]


def telegraf(where: Where) -> Any:
    program_there = present(program("telegraf"))
    url = f"https://127.0.0.1:{where.port}/sdk"
    done = run(
        program_there, url, *where.person, where.ca, env=where.environment, patience=2 * PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["story"]


@pytest.mark.interop("telegraf-gateway")
def test_telegraf_gathers_the_same(make_server: MakeServer, tmp_path: Path) -> None:
    present(program("telegraf"))
    direct, through = told(telegraf, make_server, tmp_path, "shared")
    assert through["errors"] is direct["errors"] is None
    # How many samples there are, the moment decides.
    assert through["metrics"] == pytest.approx(direct["metrics"], rel=0.2)
    assert direct["metrics"] > 100
