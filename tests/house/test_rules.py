"""How we write, as far as a machine can tell: words, sizes, errors, and a test for each module.

The lists of exceptions may only shrink: a name that no longer needs its place in one fails here.
"""

import ast
import re
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from tests.house.sources import (
    PACKAGE,
    ROOT,
    TESTS,
    functions_in,
    name_of,
    nodes_in,
    python_files,
    tracked_files,
    tree_of,
)

SOURCES = python_files(PACKAGE)
TEST_FILES = python_files(TESTS)

LONGEST_FUNCTION = 60
LONGEST_MODULE = 400
LONGEST_DOCSTRING = 12
LONG_FUNCTIONS: set[str] = set()

# Areas whose modules each have a test file of the same name.
MIRRORED = ("audit", "dialects", "http", "identity", "operations", "rules", "service", "wire")
UNMIRRORED = {
    "http/connection/arrivals.py",
    "http/connection/causes.py",
    "http/limits.py",
    "http/message.py",
    "http/refusal_log.py",
    "dialects/openapi.py",
    "dialects/api_page/front_page.py",
    "dialects/api_page/static_files.py",
    "dialects/api_page/swagger_ui.py",
    "dialects/automation/openapi.py",
    "dialects/automation/rpc_endpoint.py",
    "dialects/openid/endpoint.py",
    "dialects/vim/openapi.py",
    "dialects/vim/openapi_schemas.py",
    "dialects/zerto/openapi.py",
    "operations/console/forms.py",
    "operations/console/pages.py",
    "operations/console/parts.py",
    "operations/console/replies.py",
    "operations/console/step_up.py",
}
"""Values, what is tested with the page of the API, and what a whole dialect's tests call."""

# Rooms that are no package, and the client, which is a package of its own: their tests are of the
# whole, of a folder, or of the rules themselves.
OF_THE_WHOLE = {"bench", "client", "deploy", "docs", "end_to_end", "examples", "house", "security"}
STORIES = {
    "audit/test_journal_of_gateway.py": "the journal, of what the gateway writes",
    "cli/test_failures.py": "every command",
    "cli/test_foreign_directory.py": "every command",
    "cli/test_prepared.py": "every command",
    "gateway/calls/test_transfers_at_random.py": "transfers, many at once that break",
    "gateway/test_shared_stories.py": "gateways of two processes",
    "gateway/test_stories.py": "a whole gateway",
    "http/connection/test_nowait.py": "a connection whose handler waits for nothing",
    "http/test_downloads.py": "connections whose replies come in pieces",
    "identity/guard/test_one_person.py": "the guard before a directory and before Redis",
    "identity/ldap/test_active_directory.py": "the provider and what only that directory does",
    "operations/test_control_accounts.py": "control, asked by other accounts",
    "service/test_flood.py": "logins over every store",
    "store/embedded/test_crash.py": "processes that are killed",
    "store/redis/test_faults.py": "Redis itself",
    "store/redis/test_nodes.py": "several servers",
    "test_each.py": "tests.each",
    "test_extras.py": "pyproject.toml",
    "test_release.py": "tests.release",
    "test_until.py": "tests.until",
    "wire/vim/methods/test_tables.py": "the package's tables together",
    "wire/vim/types/test_tables.py": "the package's tables together",
    "testing/test_exports.py": "what the package itself hands out",
}
"""Test files that no module has the name of, and what they are of. It may only shrink."""

# Where an error of any kind may be caught and not raised again: style, section 3.
LAST_NETS = {
    "sessiongate/app/reload.py",
    "sessiongate/app/workers/supervisor.py",
    "sessiongate/service/housekeeping.py",
    "sessiongate/http/connection/callers.py",
    "sessiongate/http/connection/connection.py",
    "sessiongate/http/router.py",
}

MOCKS = "unittest.mock"


@cache
def called(node: ast.Call) -> str:
    """What a call calls, as written."""
    return ast.unparse(node.func)


def calls_in(tree: ast.AST) -> list[str]:
    """What is called, as written: `print`, `time.sleep`, `datetime.now`."""
    return [called(node) for node in nodes_in(tree, ast.Call)]


def told_by_errors() -> set[str]:
    """What any error of a branch says beside its text: the attributes of the classes."""
    classes = [one for one in tree_of(PACKAGE / "errors.py").body if isinstance(one, ast.ClassDef)]
    lines = [line for each in classes for line in each.body]
    plain = {ast.unparse(one.targets[0]) for one in lines if isinstance(one, ast.Assign)}
    return plain | {ast.unparse(one.target) for one in lines if isinstance(one, ast.AnnAssign)}


def changes_of_errors_in(tree: ast.AST, told: Collection[str]) -> list[str]:
    """Assignments to such an attribute of something else than `self`."""
    return [
        ast.unparse(node)
        for node in nodes_in(tree, ast.Attribute)
        if isinstance(node.ctx, ast.Store)
        and node.attr in told
        and ast.unparse(node.value) != "self"
    ]


def log_events_in(tree: ast.AST) -> list[str]:
    """What is logged: the first argument of each call of a log's method."""
    return [
        node.args[0].value
        for node in nodes_in(tree, ast.Call)
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error"}
        and ast.unparse(node.func.value) in {"log", "_log", "structlog.get_logger()"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def sleeps_in(tree: ast.AST) -> list[str]:
    """Calls that wait for a time; `sleep(0)` only lets others have their turn."""
    return [
        ast.unparse(node)
        for node in nodes_in(tree, ast.Call)
        if called(node).rpartition(".")[2] == "sleep"
        and [ast.unparse(one) for one in node.args] != ["0"]
    ]


def imports_in(tree: ast.AST) -> set[str]:
    found = {alias.name for node in nodes_in(tree, ast.Import) for alias in node.names}
    for node in nodes_in(tree, ast.ImportFrom):
        found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def undocumented(tree: ast.Module, also_without: Collection[str] = ()) -> list[str]:
    """Public classes, functions and methods that have no docstring."""
    missing = []

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_"):
                continue
            if ast.get_docstring(node) is None and node.name not in also_without:
                missing.append(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{node.name}.")

    look(tree.body, "")
    return missing


def _passes_on(node: ast.ExceptHandler) -> bool:
    """Whether it raises what it caught: another error would make an answer of a bug of ours."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def caught_wide(tree: ast.Module) -> list[tuple[int, str, bool]]:
    """Handlers of everything: line, what they catch, and whether they pass that on."""
    found = []
    for node in nodes_in(tree, ast.ExceptHandler):
        caught = ast.unparse(node.type) if node.type is not None else ""
        if caught == "" or re.search(r"\b(Base)?Exception\b", caught):
            found.append((node.lineno, caught, _passes_on(node)))
    return found


def too_long(tree: ast.Module) -> list[str]:
    return [
        function.name
        for function in functions_in(tree)
        if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION
    ]


def says_what_it_is(path: Path, longest: int | None) -> bool:
    """Whether a module has its docstring, of so many lines at most; an empty package needs none."""
    says = ast.get_docstring(tree_of(path))
    if says is None:
        return path.name == "__init__.py" and not path.read_text(encoding="utf-8").strip()
    return longest is None or len(says.splitlines()) <= longest


def test_every_module_says_what_it_is() -> None:
    wrong = [path for path in SOURCES if not says_what_it_is(path, LONGEST_DOCSTRING)]
    wrong += [path for path in TEST_FILES if not says_what_it_is(path, None)]
    assert [name_of(path) for path in wrong] == []


def documented_here(path: Path) -> bool:
    inner = path.relative_to(PACKAGE).parts
    return inner[0] in ("audit", "rules", "wire", "service") or path.name == "port.py"


def test_public_names_make_a_promise() -> None:
    wrong = []
    for path in filter(documented_here, SOURCES):
        wrong += [f"{name_of(path)}: {one}" for one in undocumented(tree_of(path), ())]
    assert wrong == []


def test_modules_stay_readable() -> None:
    lines = {name_of(path): path.read_text(encoding="utf-8").splitlines() for path in SOURCES}
    assert [name for name, one in lines.items() if len(one) > LONGEST_MODULE] == []


def test_functions_stay_readable() -> None:
    long = {f"{name_of(path)}:{one}" for path in SOURCES for one in too_long(tree_of(path))}
    assert long == LONG_FUNCTIONS


def test_only_the_command_line_prints() -> None:
    below = [path for path in SOURCES if "cli" not in path.relative_to(PACKAGE).parts]
    assert [name_of(path) for path in below if "print" in calls_in(tree_of(path))] == []


REPEATED = {"sessiongate/faults/book.py: random"}
"""Where chance is to be repeated by whoever knows the seed: faults in tests of clients."""


def test_no_source_leaves_chance_to_a_seed_or_knows_tests() -> None:
    wrong = []
    for path in SOURCES:
        roots = {name.partition(".")[0] for name in imports_in(tree_of(path))}
        wrong += [f"{name_of(path)}: {root}" for root in roots & {"random", "unittest"}]
        # Code that knows it is being tested is not the code that runs.
        if "PYTEST" in path.read_text(encoding="utf-8"):
            wrong.append(f"{name_of(path)}: PYTEST")
    assert set(wrong) == REPEATED


def test_pure_code_reads_no_clock() -> None:
    wrong = [
        f"{name_of(path)}: {call}"
        for path in SOURCES
        if path.relative_to(PACKAGE).parts[0] in ("rules", "wire")
        for call in calls_in(tree_of(path))
        if re.search(r"\.(now|utcnow|today)$", call)
    ]
    assert wrong == []


def bad_nets(path: Path) -> list[str]:
    """Handlers of everything that pass nothing on and may not, or do not say why."""
    lines = path.read_text(encoding="utf-8").splitlines()
    wrong = []
    for number, caught, raises in caught_wide(tree_of(path)):
        if raises:
            continue  # cleaned up and passed on
        # BaseException is never right: a cancelled task must end.
        allowed = name_of(path) in LAST_NETS and caught == "Exception"
        said = re.search(r"# noqa: BLE001 +(- )?\w", lines[number - 1])
        if not allowed:
            wrong.append(f"{name_of(path)}:{number}: catches {caught or 'everything'}")
        elif not said:
            wrong.append(f"{name_of(path)}:{number}: say why, beside it")
    return wrong


def test_errors_of_every_kind_are_caught_in_the_last_nets_only() -> None:
    assert [one for path in SOURCES for one in bad_nets(path)] == []


def test_each_last_net_is_still_one() -> None:
    for name in LAST_NETS:
        assert any(not raises for _, _, raises in caught_wide(tree_of(ROOT / name)))


def found_in_tests(look: Callable[[ast.AST], Collection[str]]) -> list[str]:
    return [f"{name_of(path)}: {one}" for path in TEST_FILES for one in look(tree_of(path))]


def test_tests_do_not_sleep() -> None:
    assert found_in_tests(sleeps_in) == []


def test_tests_do_not_mock() -> None:
    def mocks_in(tree: ast.AST) -> list[str]:
        return [name for name in imports_in(tree) if f"{name}.".startswith(f"{MOCKS}.")]

    assert found_in_tests(mocks_in) == []


def test_chance_in_tests_comes_from_a_seed_that_is_written_down() -> None:
    def chance_in(tree: ast.AST) -> list[str]:
        return [call for call in calls_in(tree) if re.match(r"random\.(?!Random$)", call)]

    assert found_in_tests(chance_in) == []


def test_each_module_has_its_test() -> None:
    missing = set()
    for area in MIRRORED:
        for path in (PACKAGE / area).rglob("*.py"):
            inner = path.relative_to(PACKAGE)
            if path.stem not in ("__init__", "port", "routes"):
                test = TESTS / inner.with_name(f"test_{path.name}")
                missing |= set() if test.exists() else {inner.as_posix()}
    assert missing == UNMIRRORED


def test_whoever_answers_without_waiting_is_asked_in_both_ways() -> None:
    missing = []
    for path in (PACKAGE / "dialects").rglob("*endpoint.py"):
        if "def answer_nowait(" in path.read_text(encoding="utf-8"):
            test = TESTS / path.relative_to(PACKAGE).with_name(f"test_{path.name}")
            missing += [] if "BothWays(" in test.read_text(encoding="utf-8") else [test.name]
    assert missing == []


def test_each_test_file_has_its_module() -> None:
    alone = set()
    for path in TEST_FILES:
        inner = path.relative_to(TESTS)
        if inner.name.startswith("test_") and inner.parts[0] not in OF_THE_WHOLE:
            module = PACKAGE / inner.with_name(inner.name.removeprefix("test_"))
            alone |= set() if module.exists() else {inner.as_posix()}
    assert alone == STORIES.keys()


# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = ("/" + "work/", "/" + "root/", "/" + "home/", "/tmp" + "/p/")
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry" + ".npmjs",
    "proxy" + ".golang.org",
    "index-" + "url",
    "deb" + ".debian.org",
)
# Names the option that keeps such addresses out.
SPEAKS_OF_REGISTRIES = {"Makefile"}


def forbidden_words(text: str, words: Collection[str]) -> list[str]:
    """Those words that stand in the text, a path not in the middle of a longer one."""
    standing = [word for word in words if word in text]
    return [word for word in standing if re.search(rf"(?<![\w.]){re.escape(word)}", text)]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        words = MACHINE_PATHS + (() if name_of(path) in SPEAKS_OF_REGISTRIES else REGISTRIES)
        found += [f"{name_of(path)}: {word}" for word in forbidden_words(text, words)]
    assert found == []


# These checks have tests of their own: one that never finds anything proves nothing.


def test_the_check_of_docstrings_sees() -> None:
    tree = ast.parse('def f(): ...\nclass C:\n    "x"\n    def g(self): ...\n    def _h(self): ...')
    assert undocumented(tree) == ["f", "C.g"]
    assert undocumented(tree, {"g"}) == ["f"]


def test_the_check_of_wide_handlers_sees() -> None:
    tree = ast.parse(
        "try: ...\nexcept (OSError, Exception): ...\n"
        "try: ...\nexcept BaseException:\n    raise\n"
        "try: ...\nexcept: ...\n"
        "try: ...\nexcept ExceptionGroup: ...\n"
        "try: ...\nexcept Exception as e:\n    raise ValueError from e\n"
    )
    assert caught_wide(tree) == [
        (2, "(OSError, Exception)", False),
        (4, "BaseException", True),
        (7, "", False),
        (11, "Exception", False),
    ]


def test_the_check_of_lengths_sees() -> None:
    assert too_long(ast.parse("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION)) == ["f"]
    assert too_long(ast.parse("def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1))) == []


def test_the_check_of_calls_and_imports_sees() -> None:
    tree = ast.parse(f"import time, {MOCKS}\nasync def f():\n    time.sleep(1)\n    print(x.now())")
    assert {"time.sleep", "print", "x.now"} <= set(calls_in(tree))
    assert MOCKS in imports_in(tree)
    assert f"{MOCKS}.Mock" in imports_in(ast.parse(f"from {MOCKS} import Mock"))


def test_the_check_of_sleep_sees() -> None:
    assert sleeps_in(ast.parse("await asyncio.sleep(0)\nsleep()")) == ["sleep()"]
    assert sleeps_in(ast.parse("time.sleep(0.1)\nawait sleep(1)")) == [
        "time.sleep(0.1)",
        "sleep(1)",
    ]


def test_what_is_logged_is_a_sentence() -> None:
    """In one style, so that people find what they have read: words, no capital, no full stop."""
    events = {event for path in SOURCES for event in log_events_in(tree_of(path))}
    assert len(events) > 30
    styled = re.compile(r"[a-z][^_.]*[a-z]")
    assert {event for event in events if not styled.fullmatch(event)} == set()


def test_the_check_of_what_is_logged_sees() -> None:
    assert log_events_in(ast.parse("_log.info('a_b')\nlog.error(text)\nx.info('c')")) == ["a_b"]
    assert log_events_in(ast.parse("structlog.get_logger().error('d_e')")) == ["d_e"]


def test_nobody_changes_an_error_after_it_is_made() -> None:
    """It may have been told to many at once."""
    told = told_by_errors()
    assert told >= {"known", "guess", "answered", "retry_after", "session"}
    changed = {
        name_of(path): found
        for path in SOURCES
        if (found := changes_of_errors_in(tree_of(path), told))
    }
    assert changed == {}


def test_the_check_of_changed_errors_sees() -> None:
    source = "self.known = 1\nerror.known = True\nerror.text = ''\na.b.ended: int = 1\nx = e.guess"
    assert changes_of_errors_in(ast.parse(source), {"known", "ended", "guess"}) == [
        "error.known",
        "a.b.ended",
    ]


def test_the_check_of_machine_paths_sees() -> None:
    words = (MACHINE_PATHS[0],)
    assert forbidden_words(f"see {MACHINE_PATHS[0]}main", words) == [MACHINE_PATHS[0]]
    assert forbidden_words(f"sessiongate/net{MACHINE_PATHS[0]}x", words) == []
