"""The workflow for other machines calls our own scripts, and takes nothing that could change."""

import os
import re
import subprocess
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.house.sources import ROOT

WORKFLOW: dict[str, Any] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = [step["run"] for step in STEPS if "run" in step]


def script_of(command: str) -> str:
    """The script or make target that a step runs."""
    found = re.search(r"\bbash (\.ci/\w+)|^make (\w+)$", command)
    assert found, f"not a script of ours: {command}"
    return found[1] or found[2]


def test_each_step_runs_a_script_or_target_that_is_there() -> None:
    for name in map(script_of, COMMANDS):
        if name.startswith(".ci/"):
            assert os.access(ROOT / name, os.X_OK), name
            check = ["bash", "-n", str(ROOT / name)]
        else:
            check = ["make", "-n", name]
        done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_runs_there_runs_here() -> None:
    """Every script of the workflow is also part of .ci/run, or is .ci/run.

    But for other versions of libraries: those of .ci/run are pinned, so that it fails by us alone.
    """
    ours = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    made = ["make", "-n", "newest", "wheel"]
    ours += subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in {script_of(command) for command in COMMANDS} - {".ci/run", ".ci/versions"}:
        called = re.escape(name) if name.startswith(".ci/") else rf"make\b.* {name}"
        assert re.search(rf"^[^#\n]*{called}\b", ours, re.MULTILINE), name


def test_actions_are_pinned_and_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one)] == []


def test_every_job_has_an_end_and_every_supported_python_its_run() -> None:
    assert [name for name, job in JOBS.items() if not job.get("timeout-minutes")] == []
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    supported = set(re.findall(r"Python :: (3\.\d+)", pyproject))
    assert supported <= set(JOBS["quick"]["strategy"]["matrix"]["python"])
