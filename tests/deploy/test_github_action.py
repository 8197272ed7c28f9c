"""The GitHub Action: what it names is there, and its scripts start and stop a server."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.each import each
from tests.end_to_end.serving import environment
from tests.house.sources import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = ROOT / "deploy" / "github-action"


def script_of(step: dict[str, Any]) -> Path:
    found = re.fullmatch(r'bash "\$GITHUB_ACTION_PATH/(deploy/github-action/\w+)"', step["run"])
    assert found, step["run"]
    return ROOT / found[1]


def test_each_step_runs_a_script_that_is_there() -> None:
    assert ACTION["runs"]["using"] == "composite"
    named = [script_of(step) for step in STEPS]
    assert sorted(named) == sorted(SCRIPTS.iterdir())
    for script in named:
        assert os.access(script, os.X_OK)
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_no_step_has_a_value_of_the_caller_in_its_script() -> None:
    """A value that is put into a script is run; one in the environment is not."""
    assert [step["run"] for step in STEPS if "${{" in step["run"]] == []


def test_inputs_and_outputs_are_those_that_are_used() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    start = (SCRIPTS / "start").read_text(encoding="utf-8")
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.start.outputs.{name} }}}}"
        assert f'"{name}":' in start


class Job:
    """A job on a machine like GitHub's: files that steps write, and what later steps find."""

    def __init__(self, folder: Path) -> None:
        (folder / "bin").mkdir()
        command = folder / "bin" / "sessiongate"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sessiongate.cli.main "$@"\n')
        command.chmod(0o755)
        self._files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_ENV")}
        self.environ = environment(
            {
                "RUNNER_TEMP": str(folder),
                "TMPDIR": str(folder),
                "PATH": f"{command.parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                **{name: str(path) for name, path in self._files.items()},
            }
        )

    def step(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def said(self, name: str) -> dict[str, str]:
        lines = self._files[name].read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


LOGIN = 'curl -sS --cacert "$SESSIONGATE_CA" -u "$SESSIONGATE_USER:$SESSIONGATE_PASSWORD"'


@pytest.mark.slow
@each(("leaks", "logs_out", "code"), [("fail", False, 4), ("warn", False, 0), ("fail", True, 0)])
def test_a_server_is_there_between_start_and_stop(
    tmp_path_factory: pytest.TempPathFactory, leaks: str, logs_out: bool, code: int
) -> None:
    folder = tmp_path_factory.mktemp("runner")
    job = Job(folder)
    started = job.step(str(SCRIPTS / "start"), LEAKS=leaks)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        outputs, variables = job.said("GITHUB_OUTPUT"), job.said("GITHUB_ENV")
        assert set(outputs) == set(ACTION["outputs"])
        shown = started.stdout.replace("::add-mask::", "")
        assert f"::add-mask::{outputs['password']}\n" in started.stdout
        assert f"::add-mask::{variables['SESSIONGATE_DEV_TOKEN']}\n" in started.stdout
        assert shown.count(outputs["password"]) == 1
        story = f'{LOGIN} -X POST "$SESSIONGATE_URL/v1/session/add" -D - -o "$RUNNER_TEMP/out"'
        login = job.step("sh", "-c", story, **variables)
        token = re.search(r"x-zerto-session: (\S+)", login.stdout, re.IGNORECASE)
        assert token, login.stdout + login.stderr
        if logs_out:
            end = f'{LOGIN} -X DELETE -H "x-zerto-session: {token[1]}" $SESSIONGATE_URL/v1/session'
            assert job.step("sh", "-c", end, **variables).returncode == 0
    finally:
        stopped = job.step(str(SCRIPTS / "stop"))
    assert stopped.returncode == code, stopped.stdout
    assert ("ci by curl/" in stopped.stdout) is not logs_out
    assert not list(folder.glob("sessiongate-dev-*"))
    assert job.step(str(SCRIPTS / "stop")).returncode == code


@pytest.mark.slow
def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    job = Job(tmp_path)
    started = job.step(str(SCRIPTS / "start"), CONFIG="/nonexistent.toml")
    assert started.returncode == 1
    assert "::error::sessiongate does not listen" in started.stdout
    assert "/nonexistent.toml" in started.stdout
