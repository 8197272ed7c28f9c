"""Folders and modules that the pages for contributors name are there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.house.sources import PACKAGE

PAGES = [ROOT / "CONTRIBUTING.md", DOCS / "overview.md"]

NAME = re.compile(r"`([a-z_]+|[a-zA-Z_.]+(?:/[a-zA-Z0-9_.*-]*)+|[a-z_]+(?:\.[a-z_]+)+)`")
"""A word, a path, or a dotted name, in backticks; names of classes and functions are others."""

OTHERS = {"_at", "add", "use", "slow", "timedelta", "unittest.mock"}
"""Words of the code that are neither a folder nor a module."""


def is_there(name: str) -> bool:
    """Whether a folder or module of this name is in the package or in the repository."""
    if name.startswith("sessiongate.") and name.count(".") > 1:
        return True  # a symbol, perhaps: `test_pages` looks at all of these
    path = name.rstrip("/").removeprefix("sessiongate.")
    places = [root / path for root in (PACKAGE, ROOT)]
    if "/" not in name and not name.endswith((".py", ".md", ".toml")):
        places += [PACKAGE / f"{path.replace('.', '/')}.py", PACKAGE / path.replace(".", "/")]
    return any(found(place) for place in places)


def found(place: Path) -> bool:
    return any(place.parent.glob(place.name)) if place.parent.is_dir() else False


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_folders_and_modules_that_are_named_are_there(page: Path) -> None:
    named = set(NAME.findall(page.read_text(encoding="utf-8"))) - OTHERS
    assert len(named) > 8
    assert [name for name in sorted(named) if not is_there(name)] == []


def test_the_check_of_folders_sees() -> None:
    for name in ("web", "admin", "vim/", "wire/web.py", "dialects.web", "docs/nowhere/"):
        assert not is_there(name), name
    for name in (
        "wire",
        "wire/",
        "errors.py",
        "dialects.vim.calls",
        ".ci/run",
        "requirements/*.in",
    ):
        assert is_there(name), name


def test_every_folder_of_the_repository_is_in_the_overview() -> None:
    """A newcomer sees them before the package."""
    page = (DOCS / "overview.md").read_text(encoding="utf-8")
    packed = {"sessiongate", "build", "dist", "site"}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} - packed
    folders = {name for name in folders if not name.startswith(".") and "egg" not in name} | {".ci"}
    block = page.partition("## Outside the package")[2].partition("\n## ")[0]
    assert [name for name in sorted(folders) if f"`{name}/`" not in block] == []


def test_every_folder_of_the_package_is_in_the_house() -> None:
    """The next that a newcomer sees."""
    page = (DOCS / "overview.md").read_text(encoding="utf-8")
    house = page.partition("## The house")[2].partition("```text")[2].partition("```")[0]
    named = set(re.findall(r"[a-z]+", house))
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert sorted(folders - named) == []
