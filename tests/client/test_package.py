"""The distribution: what it needs, what it costs, which Python reads it."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sessiongate
import sessiongate.client
import sessiongate_client
from tests.house.sources import CLIENT, ROOT, python_files, tree_of
from tests.house.test_rules import LONGEST_MODULE, says_what_it_is, too_long, undocumented

FOLDER = CLIENT
FILES = python_files(FOLDER)
BRIDGES = {"requests.py": "requests", "httpx.py": "httpx", "pyvmomi.py": "pyVmomi"}
FEW_KILOBYTES = 60_000


def project() -> dict[str, object]:
    text = (ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8")
    said: dict[str, object] = tomllib.loads(text)["project"]
    return said


def imported(path: Path) -> set[str]:
    """The packages of others that a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_it_needs_the_standard_library_alone() -> None:
    assert project()["dependencies"] == []
    for path in FILES:
        others = imported(path) - sys.stdlib_module_names
        assert others <= {BRIDGES.get(path.name), "pyVim", "anyio"} - {None}, path.name
        if path.name not in BRIDGES:
            assert not others, path.name


def test_both_packages_have_the_one_code_and_one_version() -> None:
    """The server's wheel has the client inside, so that its commands need no second one."""
    assert Path(sessiongate.client.__file__).resolve() == FOLDER / "__init__.py"
    assert sessiongate_client.__version__ == sessiongate.__version__


def test_nothing_in_it_says_where_it_is_found() -> None:
    for path in FILES:
        assert "sessiongate" not in imported(path), path.name
        assert "sessiongate_client" not in imported(path), path.name


def test_python_3_9_reads_it() -> None:
    assert project()["requires-python"] == ">=3.9"
    for path in FILES:
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_importing_it_costs_little() -> None:
    """Less than what an HTTPS client is made of, which is loaded when it is needed."""

    def cost(modules: str) -> float:
        program = f"import time; a = time.process_time(); import {modules}; "
        program += "print(time.process_time() - a)"
        runs = [
            subprocess.run(
                [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {program}"],
                cwd=ROOT / "client",
                capture_output=True,
                text=True,
                check=True,
            )
            for _ in range(3)
        ]
        return min(float(run.stdout) for run in runs)

    assert cost("sessiongate_client") < cost("http.client, ssl, json")


def test_the_sources_are_small() -> None:
    sizes = sum(path.stat().st_size for path in FILES)
    assert sizes < 2 * FEW_KILOBYTES  # the wheel is packed; .ci/wheel looks at that


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_house_rules_hold(path: Path) -> None:
    assert says_what_it_is(path, 12)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    assert too_long(tree_of(path)) == []
    assert undocumented(tree_of(path), {"Adapter", "init_poolmanager", "Stub"}) == []
