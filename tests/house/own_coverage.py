"""`python -m tests.house.own_coverage`: each pure module at every branch from its own test file.

A module that others happen to run is not a module that is tested. One process per module, so that
what one test file imports does not count for another.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.house.sources import PACKAGE, ROOT, TESTS, name_of

AREAS = ("rules", "wire")


def covered(module: Path) -> str:
    """What coverage says of a module under its own tests; "" when every branch was taken."""
    test = TESTS / module.parent.relative_to(PACKAGE) / f"test_{module.name}"
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        python = [sys.executable, "-m"]
        watched = [*python, "coverage", "run", "--branch", f"--include={module}", data]
        run = subprocess.run(
            [*watched, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            return run.stdout + run.stderr
        report = subprocess.run(
            [*python, "coverage", "report", "--fail-under=100", "--show-missing", data],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return report.stdout + report.stderr if report.returncode else ""


def main() -> int:
    """Look at each module; 1 where one is not whole."""
    wanted = [Path(name).resolve() for name in sys.argv[1:]]
    modules = [
        path
        for area in AREAS
        for path in sorted((PACKAGE / area).rglob("*.py"))
        if path.name != "__init__.py" and (not wanted or path in wanted)
    ]
    short = 0
    for module in modules:
        problem = covered(module)
        short += bool(problem)
        sys.stdout.write(f"{'SHORT' if problem else 'whole'}  {name_of(module)}\n{problem}")
    return min(short, 1)


if __name__ == "__main__":
    sys.exit(main())
