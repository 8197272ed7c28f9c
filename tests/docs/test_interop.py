"""The interop page names every client that the tests exercise, and each has passed."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.docs import pages
from tests.each import each
from tests.peers.interop import (
    EXERCISES,
    FAILED,
    MISSING,
    PAGE,
    PASSED,
    Recorder,
    clients_table,
    with_table,
)

END_TO_END = Path(__file__).resolve().parents[1] / "end_to_end"


def keys_of(function: Any) -> Iterator[str]:
    """The rows that a test function is marked with, by itself or by a parameter."""
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "interop":
            yield str(mark.args[0])
        elif mark.name == "parametrize":
            for case in mark.args[1]:
                for inner in getattr(case, "marks", ()):
                    if inner.name == "interop":
                        yield str(inner.args[0])


def functions_of(module: ModuleType) -> list[Any]:
    """The tests that need a client: all of a module that needs one, else those that say so."""
    named = [one for name, one in vars(module).items() if name.startswith("test_")]
    return named if needs_peer(module) else [one for one in named if needs_peer(one)]


def needs_peer(marked: Any) -> bool:
    """Whether a test function, or all of a module, is marked so."""
    said = getattr(marked, "pytestmark", ())
    marks = list(said) if isinstance(said, list | tuple) else [said]
    for mark in tuple(marks):
        if mark.name == "parametrize":
            marks += [inner for case in mark.args[1] for inner in getattr(case, "marks", ())]
    return any(mark.name == "peer" for mark in marks)


_OF_CLIENTS = ("from tests.end_to_end.clients import", 'mark.interop("keycloak")')

CLIENTS = [
    importlib.import_module(f"tests.end_to_end.{path.stem}")
    for path in sorted(END_TO_END.glob("test_*.py"))
    if any(one in path.read_text(encoding="utf-8") for one in _OF_CLIENTS)
]


def test_there_are_tests_of_clients() -> None:
    assert {module.__name__.rpartition("_")[2] for module in CLIENTS} >= {"clients"}
    assert len(CLIENTS) >= 2


@pytest.mark.parametrize("module", CLIENTS, ids=lambda module: module.__name__)
def test_every_test_of_a_client_says_which(module: ModuleType) -> None:
    for function in functions_of(module):
        assert list(keys_of(function)), function.__name__


def test_every_row_is_exercised() -> None:
    tests = [one for module in CLIENTS for one in vars(module).values() if callable(one)]
    marked = {key for one in tests for key in keys_of(one)}
    assert marked == EXERCISES.keys()


@each("key", EXERCISES)
def test_the_page_has_every_client_and_each_passed(key: str) -> None:
    """Its version is that of the run that wrote it; curl's is the machine's own.

    A program that is not on this machine has none.
    """
    one = EXERCISES[key]
    version = one.version()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| {one.client} |")
    ]
    versions = {row[1] for row in rows}
    fitting = [row for row in rows if key == "curl" or version in ("", row[1])]
    assert [row for row in fitting if row[2:] == [one.wire, one.what, PASSED]], (
        f"docs/interop.md lacks {one.client} {versions}: `make interop` writes it"
    )


def report(key: str, outcome: str, when: str = "call") -> pytest.TestReport:
    return pytest.TestReport(key, (key, 0, key), {}, outcome, None, when)  # type: ignore[arg-type]


def test_a_row_is_as_good_as_the_worst_of_its_tests(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    before = PAGE.read_text(encoding="utf-8")
    page.write_text(before, encoding="utf-8")
    recorder = Recorder(page=page)
    recorder.pytest_sessionfinish()
    assert page.read_text(encoding="utf-8") == before
    recorder._keys = {name: name.partition(":")[0] for name in ("curl:1", "curl:2", "vcsim:1")}
    recorder._keys["vcf-sdk:1"] = "vcf-sdk"
    for one in (
        report("curl:1", "passed", "setup"),
        report("curl:1", "passed"),
        report("curl:2", "passed"),
        report("vcsim:1", "failed", "setup"),
        report("vcf-sdk:1", "skipped", "setup"),
        report("somebody else's", "failed"),
    ):
        recorder.pytest_runtest_logreport(one)
    assert recorder.results() == {"curl": PASSED, "vcsim": FAILED, "vcf-sdk": MISSING}
    recorder.pytest_runtest_logreport(report("curl:1", "failed"))
    assert recorder.results()["curl"] == FAILED
    recorder.pytest_sessionfinish()
    assert page.read_text(encoding="utf-8") == with_table(before, clients_table(recorder.results()))
    assert f"| {FAILED} |" in page.read_text(encoding="utf-8")


def test_what_was_not_run_is_told() -> None:
    assert clients_table({}).count(f"| {MISSING} |") == len(EXERCISES)


def test_the_simulator_is_on_the_page() -> None:
    assert "simulator" in pages.MADE["interop.md"]
