"""Container and compose files: plain image names, no root, and variables that are settings."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sessiongate.config import RESERVED, SHORT, Settings, load
from tests.docs.from_environment import text_of, variable, variables
from tests.docs.from_settings import defaults
from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import environment
from tests.house.sources import ROOT
from tests.until import PATIENCE

CONTAINERFILE = (ROOT / "deploy" / "container" / "Containerfile").read_text(encoding="utf-8")
COMPOSE_FILE = ROOT / "deploy" / "container" / "compose.yaml"

# Two underscores, as nobody but a person writes them into the environment.
VARIABLE = re.compile(r"\bSESSIONGATE_[A-Z0-9_]+")


def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    one: dict[str, Any] = found["services"]["sessiongate"]
    return one


def image_environment() -> dict[str, str]:
    """What the image sets of ours."""
    return dict(re.findall(r"\b(SESSIONGATE_\w+)=(\S+)", CONTAINERFILE))


def test_images_are_named_without_a_registry() -> None:
    named = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    assert named
    for image in (*named, service()["image"]):
        assert re.fullmatch(r"[a-z]+(:[\w.-]+)?", image), image


def test_what_the_image_copies_is_there() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    assert COMPOSE_FILE.parent.joinpath(service()["build"]["context"]).resolve() == ROOT
    assert (ROOT / service()["build"]["dockerfile"]).is_file()


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = re.findall(r"^USER (\S+)$", CONTAINERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    assert CONTAINERFILE.index("USER ") < CONTAINERFILE.index("ENTRYPOINT ")
    assert service()["cap_drop"] == ["ALL"]
    assert service()["read_only"] is True


@pytest.mark.parametrize("environ", [image_environment(), service()["environment"]])
def test_variables_are_settings(environ: Mapping[str, str]) -> None:
    assert environ
    settings = load(environ=environ)
    named = {name for name, origin in settings.origins.items() if origin == "env"}
    assert {variable(name) for name in named} == environ.keys() - RESERVED
    assert environ.keys() & RESERVED <= {
        "SESSIONGATE_BOOTSTRAP_ADMIN_USERNAME",
        "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD_FILE",
    }


def test_health_is_asked_where_the_listener_is() -> None:
    admin = image_environment()["SESSIONGATE_ADMIN__LISTEN"]
    assert f"http://{admin}/readyz" in CONTAINERFILE
    assert service()["environment"]["SESSIONGATE_ADMIN__LISTEN"] == admin


def test_no_secret_is_in_the_files() -> None:
    for name, value in service()["environment"].items():
        if "PASSWORD" in name:
            assert name.endswith("_FILE")
            assert value.startswith("/run/secrets/")


def test_the_image_listens_where_the_port_leads() -> None:
    (published,) = service()["ports"]
    inside = published.rpartition(":")[2]
    assert image_environment()["SESSIONGATE_SERVER__LISTEN"].endswith(f":{inside}")
    assert f"EXPOSE {inside}\n" in CONTAINERFILE


DEV_FILE = COMPOSE_FILE.with_name("dev.yaml")


def test_the_throw_away_container_does_what_its_file_says(tmp_path: Path) -> None:
    """Command, variables and health check as they stand there, but for the ports."""
    (one,) = yaml.safe_load(DEV_FILE.read_text(encoding="utf-8"))["services"].values()
    assert one["command"][0] == "dev"
    outside = [port.partition(":")[0] for port in one["ports"]]
    assert outside == ["9669", "9670"]
    arguments = [argument.replace(":9669", ":0") for argument in one["command"]]
    environ = {name: text.replace(":9670", ":0") for name, text in one["environment"].items()}
    environ = {**image_environment(), **environ, "TMPDIR": str(tmp_path)}
    process = Forked([*arguments, "--output", "json"], environment(environ))
    said = json.loads(process.stdout.readline())
    assert {name: user["role"] for name, user in said["users"].items()} == {
        "ci": "administrator",
        "reader": "user",
    }
    *asks, code = one["healthcheck"]["test"][1:]
    assert asks == ["python", "-c"]
    code = code.replace("https://127.0.0.1:9670", said["operations"])
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    process.stderr.close()


# The table of variables


def test_every_setting_has_its_variable() -> None:
    known = [f"{one}__" for one in variables()]
    for dotted in load().origins:
        if dotted.startswith("identity."):
            continue  # a provider's own settings, and on the provider's page
        name = variable(dotted)
        assert any(one.startswith(f"{name}__") for one in known)


def test_every_variable_takes_its_default() -> None:
    """All at once, as they stand in the table: the settings are what they are without any."""
    given = {
        name: value
        for name, value in variables().items()
        if value is not None and "__NAME__" not in name
    }
    assert len(given) > 30
    settings, plain = load(environ=given), load(environ={})
    for table in Settings.model_fields:
        assert getattr(settings, table) == getattr(plain, table)
    assert list(settings.origins.values()).count("env") == len(given)


def test_lists_and_the_unset_are_written_as_the_environment_has_them() -> None:
    assert text_of(["a", "b"]) == "a,b"
    assert text_of(None) is None
    assert text_of([]) is None
    assert [text_of(one) for one in (False, 5, "30m")] == ["false", "5", "30m"]
    assert defaults()["server.listen"] == ["127.0.0.1:9669"]


@pytest.mark.parametrize("page", ["deploy.md", "operations.md"])
def test_variables_on_the_pages_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    known = variables().keys() | RESERVED | SHORT.keys()
    for name in VARIABLE.findall(text):
        # A name that ends in an underscore is the beginning of others.
        assert name in known or name.endswith("_"), name
