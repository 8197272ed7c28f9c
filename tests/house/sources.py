"""The project's own files, read once for all house tests."""

import ast
import gc
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sessiongate"
TESTS = ROOT / "tests"
CLIENT = ROOT / "client" / "sessiongate_client"
"""The distribution of the client: by a link it is also `sessiongate.client`."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Import = ast.Import | ast.ImportFrom

Node = TypeVar("Node", bound=ast.AST)

# What any house test looks for in a tree.
_LOOKED_FOR = (
    *(ast.Call, ast.Attribute, ast.ExceptHandler, ast.Import, ast.ImportFrom),
    *(ast.FunctionDef, ast.AsyncFunctionDef),
)


def python_files(folder: Path) -> list[Path]:
    """Every Python file below a folder, in order."""
    return sorted(folder.rglob("*.py"))


def name_of(path: Path) -> str:
    """A file's name as people say it: from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """The file as Python reads it."""
    folder = next(one for one in (PACKAGE, CLIENT, TESTS) if path.is_relative_to(one))
    return _trees(folder)[path]


@cache
def _trees(folder: Path) -> Mapping[Path, ast.Module]:
    """All its files at once, and kept: to look for garbage in them takes longer than to read them.

    Not those of the other folders: the client's tests ask for the client's few alone.
    """
    gc.disable()
    try:
        trees = {
            path: ast.parse(path.read_text("utf-8"), name_of(path)) for path in python_files(folder)
        }
        for tree in trees.values():
            _nodes_of(tree)
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
    return trees


@cache
def _nodes_of(tree: ast.AST) -> Mapping[type[ast.AST], list[ast.AST]]:
    """What is looked for in a tree, by its class: walking it is dear, and every test would."""
    found: dict[type[ast.AST], list[ast.AST]] = {kind: [] for kind in _LOOKED_FOR}
    for node in ast.walk(tree):
        if type(node) in found:
            found[type(node)].append(node)
    return found


def nodes_in(tree: ast.AST, kind: type[Node]) -> list[Node]:
    """Every node of a class in a tree, outer ones first. KeyError: `_LOOKED_FOR` lacks it."""
    return cast("list[Node]", _nodes_of(tree)[kind])


def functions_in(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, also those inside others."""
    yield from nodes_in(tree, ast.FunctionDef)
    yield from nodes_in(tree, ast.AsyncFunctionDef)


def imports_of(tree: ast.AST) -> Iterator[Import]:
    """Every statement that imports, also those inside functions."""
    yield from nodes_in(tree, ast.Import)
    yield from nodes_in(tree, ast.ImportFrom)


def tracked_files() -> list[Path]:
    """What git keeps, and what it would keep: new files count before they are committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]
