"""A package that tells what its modules are for tells it of all of them, and of no others."""

import ast
import re
from pathlib import Path

from tests.each import each
from tests.house.sources import PACKAGE, name_of

_FEW = 3
"""A docstring with fewer names in backticks speaks of something else."""


def named_in(package: Path) -> set[str]:
    """The names in backticks in a package's docstring."""
    # Read by itself: this is asked when tests are collected, and other trees are dear.
    said = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    return set(re.findall(r"`([a-z_]+)`", said))


SUMMARIES = [path for path in sorted(PACKAGE.rglob("__init__.py")) if len(named_in(path)) > _FEW]


def test_there_are_such_packages() -> None:
    assert PACKAGE / "app" / "__init__.py" in SUMMARIES


@each("package", SUMMARIES, ids=name_of)
def test_a_packages_summary_names_each_of_its_modules(package: Path) -> None:
    modules = {path.stem for path in package.parent.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in package.parent.glob("*/__init__.py")}
    named = named_in(package)
    assert modules - named == set(), "not named"
    above = {path.name for path in PACKAGE.iterdir()}
    assert named - modules - above == set(), "named, but no module"
