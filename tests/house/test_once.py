"""What is written in one place of the package, so that a change of it cannot be half of one."""

import re

import pytest

from tests.house.sources import PACKAGE, name_of, python_files


@pytest.mark.parametrize(
    ("written", "where"),
    [
        (r"CREATE (TABLE|TRIGGER)", ["sessiongate/store/schema.py"]),
        (r"def _?sync_directory\b", ["sessiongate/files.py"]),
        (r"def _?is_there\b", ["sessiongate/files.py"]),
        (r"^_?READS\b", []),
    ],
    ids=["tables", "names on the disk", "whether a name is taken", "verbs"],
)
def test_it_stands_in_one_place(written: str, where: list[str]) -> None:
    files = python_files(PACKAGE)
    pattern = re.compile(written, re.MULTILINE)
    found = [name_of(path) for path in files if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == where


def test_no_docstring_tells_what_was_before() -> None:
    files = python_files(PACKAGE)
    pattern = re.compile(r"\bas ever[.,]", re.IGNORECASE)
    assert [name_of(path) for path in files if pattern.search(path.read_text("utf-8"))] == []
