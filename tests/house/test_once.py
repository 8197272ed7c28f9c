"""What is written in one place of the package, so that a change of it cannot be half of one."""

import ast
import re
from collections import Counter

import pytest

from tests.house.sources import PACKAGE, name_of, nodes_in, python_files, tree_of


@pytest.mark.parametrize(
    ("written", "where"),
    [
        (r"CREATE (TABLE|TRIGGER)", ["sessiongate/store/embedded/schema.py"]),
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


TWICE = {
    "Form": "how an error looks, in each dialect's table",
    "Refusal": "what a dialect writes, in REST and in OpenID",
}
"""Names of public classes that mean the same in two rooms. It may only shrink."""

FOR_TESTS = PACKAGE / "testing"
"""Names in here are for the tests of others, and are called as what they stand for."""


def test_a_name_of_a_class_is_one_rooms() -> None:
    names = Counter(
        node.name
        for path in python_files(PACKAGE)
        if FOR_TESTS not in path.parents
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == TWICE.keys()


OPENED_ELSEWHERE = {
    "sessiongate/messages.py": "the package's own files",
    "sessiongate/dialects/api_page/front_page.py": "the package's own files",
    "sessiongate/tls/server.py": "by the name of a descriptor that was judged",
    "sessiongate/dialects/api_page/page.py": "the package's own files",
    "sessiongate/operations/console/static_files.py": "the package's own files",
}
"""Modules that open files without `sessiongate.files`, and why they may. It may only shrink."""


def opens_files(tree: ast.AST) -> bool:
    """Whether this opens a file by its name, or has a library do so."""
    for node in nodes_in(tree, ast.Call):
        called = ast.unparse(node.func)
        by_mode = node.args and isinstance(node.args[0], ast.Constant)
        if (
            called in {"open", "os.open", "io.open"}
            or called.endswith((".read_text", ".read_bytes", ".load_cert_chain"))
            or (called.endswith(".open") and by_mode)
        ):
            return True
    return False


@pytest.mark.parametrize(
    "line",
    [
        "open(name)",
        "path.open('rb')",
        "os.open(path, 0)",
        "path.read_text()",
        "Path(x).read_bytes()",
    ],
)
def test_opening_is_seen(line: str) -> None:
    assert opens_files(ast.parse(line))
    assert not opens_files(ast.parse("servers.open(); open_named(path); read_named(path)"))


def test_sec_90_files_are_opened_in_one_place() -> None:
    """A pipe keeps nobody waiting whom the one function protects."""
    found = {name_of(path) for path in python_files(PACKAGE) if opens_files(tree_of(path))}
    assert found == {"sessiongate/files.py", *OPENED_ELSEWHERE}


def test_no_docstring_tells_what_was_before() -> None:
    files = python_files(PACKAGE)
    pattern = re.compile(r"\bas ever[.,]", re.IGNORECASE)
    assert [name_of(path) for path in files if pattern.search(path.read_text("utf-8"))] == []
