"""Toolkits for Java, telegraf and Terraform's provider, unmodified, on an empty vCenter.

Getting and building them takes too long for every run, so that they are no peers that every run
requires.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.clients import installed, present, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server
from tests.peers.setup import java, program

pytestmark = [pytest.mark.slow, EMBEDDED]

STORIES = Path(__file__).resolve().parents[1] / "peers"

JAVA = [
    "wrong password: InvalidLogin",
    "api: VirtualCenter",
    "user: admin",
    "time: true",
    "root: Datacenters",
    "children: 0",
    "machines: 0",
    "machine web: null",
    "inventory: 1",
    "by path: null",
    "view: 0",
    "updates: childEntity, name",
    "updates since: null",
    "tasks: 0",
    "counters: 0",
    "login told: true",
    "new datacenter: NotSupported",
    "time after logout: NotAuthenticated",
]


@pytest.mark.parametrize(
    "toolkit",
    [pytest.param(name, marks=pytest.mark.interop(name)) for name in ("yavijava", "vijava")],
)
def test_a_java_toolkit_lives_a_sessions_life(toolkit: str, shared: Server, tmp_path: Path) -> None:
    installed("default-jdk-headless", "java", "keytool")
    jars, trusted = present(java(toolkit)), tmp_path / "trusted.p12"
    store = ("-keystore", trusted, "-storetype", "PKCS12", "-storepass", "changeit")
    made = run("keytool", "-importcert", "-noprompt", "-alias", "ours", "-file", shared.ca, *store)
    assert made.returncode == 0, made.stdout + made.stderr
    trusting = (
        f"-Djavax.net.ssl.trustStore={trusted}",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    )
    classes = ("--class-path", f"{jars}/*", STORIES / "ViStory.java")
    # yavijava looks into exceptions of the JDK, which have been closed to it since 17.
    opened = ("--add-opens", "java.base/java.lang=ALL-UNNAMED")
    done = run("java", *trusting, *opened, *classes, f"{shared.url}/sdk", *ADMIN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == JAVA


@pytest.mark.interop("telegraf")
def test_telegrafs_input_gathers_nothing_and_no_error(shared: Server) -> None:
    done = run(present(program("telegraf")), f"{shared.url}/sdk", *ADMIN, shared.ca)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "Cannot complete login" in facts.pop("stranger")["start"]
    assert facts == {"story": {"metrics": 0, "errors": None}}


# What the provider itself says of what is not there.
TERRAFORM = {
    "vsphere_datacenter": "datacenter 'east' not found",
    "vsphere_folder": "folder '/east' not found",
    "vsphere_role": "role with label nobody not found",
    "vsphere_custom_attribute": "key name not found",
    "vsphere_storage_policy": 'no pbm profile found with name: "gold"',
    "vsphere_tag_category": 'category name "tier" not found',
    "vsphere_content_library": "library name (images) not found",
}


@pytest.mark.interop("terraform")
def test_terraforms_provider_ends_with_its_own_words(shared: Server, tmp_path: Path) -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: no registry of packages has it")
    provider = present(program("terraform-provider-vsphere"))
    shutil.copy(STORIES / "terraform" / "main.tf", tmp_path)
    settings = tmp_path / "terraform.rc"
    override = f'dev_overrides {{ "hashicorp/vsphere" = "{provider.parent}" }}'
    settings.write_text(f"provider_installation {{\n{override}\n}}\n", encoding="utf-8")

    def errors(password: str) -> dict[str, str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(settings),
            "SSL_CERT_FILE": str(shared.ca),
            "VSPHERE_SERVER": f"127.0.0.1:{shared.port}",
            "VSPHERE_USER": ADMIN[0],
            "VSPHERE_PASSWORD": password,
        }
        plan = ("plan", "-no-color", "-input=false")
        done = run("terraform", *plan, env=environment, folder=tmp_path)
        assert done.returncode == 1, done.stdout
        told = re.findall(r"Error: (.+)\n\n +with (?:data\.)?(\w+)", done.stderr)
        return {where: what for what, where in told}

    found = errors(ADMIN[1])
    assert found.keys() == TERRAFORM.keys()
    for what, words in TERRAFORM.items():
        assert words in found[what]
    assert "Cannot complete login" in errors("wrong")["provider"]
