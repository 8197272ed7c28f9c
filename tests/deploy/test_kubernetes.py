"""The manifests for Kubernetes: whole by its schemas, and by what the drivers and we read."""

import configparser
import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.serialization import Encoding

from sessiongate.config import Config, load
from sessiongate.rules.token import is_manager_token
from sessiongate.tls.local_ca import new_ca
from tests.deploy.test_container import VARIABLE, image_environment
from tests.docs.from_environment import variables
from tests.each import each
from tests.house.sources import ROOT
from tests.peers.setup import manifest_validator

FOLDER = ROOT / "deploy" / "kubernetes"
PATCHES = {"cpi-trust.yaml": "DaemonSet", "csi-trust.yaml": "Deployment"}
WHOLE = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name not in PATCHES)

Object = dict[str, Any]


class Strict(yaml.SafeLoader):  # type: ignore[misc]
    """Takes no key twice, of which YAML's own readers keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names = [key.value for key, _ in node.value]
        assert len(set(names)) == len(names), f"twice: {names}"
        return super().construct_mapping(node, deep)


def objects(name: str) -> list[Object]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [one for one in yaml.load_all(text, Strict) if one is not None]


def named(name: str, kind: str) -> Object:
    (found,) = (one for one in objects(name) if one["kind"] == kind)
    return found


def pod() -> Object:
    found: Object = named("sessiongate.yaml", "Deployment")["spec"]["template"]["spec"]
    return found


def container() -> Object:
    (found,) = pod()["containers"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def schemas() -> Path:
    """The Python that has those of Kubernetes."""
    python = manifest_validator()
    if not python.exists():
        pytest.skip("the schemas are not here: make peers")
    return python


def problems(schemas: Path, manifest: str) -> str:
    """What the schemas of Kubernetes say is wrong."""
    command = [str(schemas), "-m", "kubernetes_validate", "--strict", "--quiet", "-"]
    done = subprocess.run(command, input=manifest, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.peer
@each("name", WHOLE)
def test_kubernetes_takes_each_object(name: str, schemas: Path) -> None:
    assert objects(name)
    for one in objects(name):
        assert problems(schemas, json.dumps(one)) == ""


@pytest.mark.peer
@each(("name", "kind"), PATCHES.items(), ids=list(PATCHES))
def test_kubernetes_takes_what_a_patch_makes_of_a_pod(name: str, kind: str, schemas: Path) -> None:
    (patch,) = objects(name)
    labels = {"app": "driver"}
    spec = patch["spec"]["template"]["spec"]
    for one in spec["containers"]:
        one["image"] = "driver:1"
    patch["spec"]["selector"] = {"matchLabels": labels}
    patch["spec"]["template"]["metadata"] = {"labels": labels}
    whole = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "driver"}, **patch}
    assert problems(schemas, json.dumps(whole)) == ""
    for one in spec["containers"]:
        (variable,) = one["env"]
        assert variable["name"] == "SSL_CERT_FILE"
        (mount,) = one["volumeMounts"]
        assert variable["value"] == f"{mount['mountPath']}/ca.pem"


def test_what_a_pod_names_is_there() -> None:
    for kind, reference in (("ConfigMap", "configMap"), ("Secret", "secret")):
        (volume,) = (one for one in pod()["volumes"] if reference in one)
        name = volume[reference].get("name") or volume[reference]["secretName"]
        assert named("sessiongate.yaml", kind)["metadata"]["name"] == name
    mounts = {one["name"] for one in container()["volumeMounts"]}
    assert mounts == {one["name"] for one in pod()["volumes"]}
    ports = {one["name"] for one in container()["ports"]}
    probes = {container()[one]["httpGet"]["port"] for one in ("livenessProbe", "readinessProbe")}
    service = {one["targetPort"] for one in named("sessiongate.yaml", "Service")["spec"]["ports"]}
    assert probes | service <= ports


def test_it_runs_as_the_image_does_and_its_variables_are_settings() -> None:
    user = pod()["securityContext"]["runAsUser"]
    containerfile = (ROOT / "deploy" / "container" / "Containerfile").read_text(encoding="utf-8")
    assert f"USER {user}:{user}" in containerfile
    assert image_environment()["SESSIONGATE_SERVER__DATA_DIR"] in {
        one["mountPath"] for one in container()["volumeMounts"]
    }
    known = set(variables())
    text = (FOLDER / "sessiongate.yaml").read_text(encoding="utf-8")
    assert set(VARIABLE.findall(text)) <= known
    assert re.fullmatch(r"sessiongate:[\w.]+", container()["image"])


def test_its_settings_are_good(tmp_path: Path) -> None:
    """As they stand, but for where files are and what has to be filled in."""
    written = named("sessiongate.yaml", "ConfigMap")["data"]["sessiongate.toml"]
    secret = named("sessiongate.yaml", "Secret")["stringData"]
    made = new_ca(datetime.now(UTC)).certificate.public_bytes(Encoding.PEM)
    (tmp_path / "vcenter-ca.pem").write_bytes(made)
    for name in secret:
        (tmp_path / name).write_text("filled in")
    written = written.replace("/etc/sessiongate/", f"{tmp_path}/")
    written = written.replace("/run/secrets/sessiongate/", f"{tmp_path}/")
    settings = tmp_path / "sessiongate.toml"
    settings.write_text(written)
    config: Config = load(settings)
    clients = config.session_manager.clients
    files = {path.name for one in clients.values() for path in one.token_files}
    assert files - {f"{one}-next" for one in clients} == secret.keys() - {"password"}
    assert config.upstream["vc1"].size == 3
    (host,) = config.server.public_names
    for url in (cpi_secret()["url"], csi_settings()["vc-session-manager-url"]):
        assert url.strip('"') == f"https://{host}/session-manager/vc1"


def cpi_secret() -> dict[str, str]:
    """What the cloud provider reads, by the ends of the names."""
    data = named("cpi.yaml", "Secret")["stringData"]
    found = {}
    for key, value in data.items():
        vcenter, _, name = key.partition(".vc-session-manager-")
        assert vcenter == "vcenter.corp.example"
        found[name] = value
    return found


def csi_settings() -> dict[str, str]:
    """What the CSI driver reads under the vCenter's own heading, and there alone."""
    parser = configparser.ConfigParser()
    parser.read_string(named("csi.yaml", "Secret")["stringData"]["csi-vsphere.conf"])
    assert not any(one.startswith("vc-session") for one in parser["Global"])
    return dict(parser['VirtualCenter "vcenter.corp.example"'])


def test_the_drivers_get_a_url_and_a_token_and_no_password() -> None:
    assert cpi_secret().keys() == {"url", "token"}
    csi = csi_settings()
    assert {"vc-session-manager-url", "vc-session-manager-token"} <= csi.keys()
    assert not {"user", "password"} & csi.keys()


def test_sec_30_no_manifest_has_a_secret_in_it() -> None:
    for path in FOLDER.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert not any(map(is_manager_token, re.findall(r"sgm_[\w-]+", text)))
        assert "PRIVATE KEY" not in text
    secrets = named("sessiongate.yaml", "Secret")["stringData"]
    assert set(secrets.values()) == {""}
