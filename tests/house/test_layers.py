"""Who may import whom. This table is the architecture; it points downwards only."""

import ast
from pathlib import Path

from tests.each import each
from tests.house.sources import (
    PACKAGE,
    TESTS,
    Import,
    imports_of,
    name_of,
    nodes_in,
    python_files,
    tree_of,
)

WORDS = {"errors", "secret", "session", "clock", "files", "networks", "remedies"}
GATEWAY = WORDS | {
    *("rules", "wire", "telemetry", "store.port", "store.gateway_port", "upstream"),
}
IN_TESTS = WORDS | {
    *(
        "app",
        "audit",
        "config",
        "faults",
        "http",
        "identity",
        "operations",
        "rules",
        "store",
        "wire",
    ),
    "testing",
}
BELOW_GATES = {"gateway.background", "gateway.relay_rules"}

# A name stands for itself and all below it, but for what has a row of its own. `app` and `cli` are
# free to import what they like; nobody below may import them, since no row names them.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "secret": set(),
    "clock": set(),
    "session": {"secret"},
    "access_lists": set(),
    "holders": {"access_lists"},
    "files": {"errors", "holders", "remedies"},
    "networks": set(),
    "remedies": set(),
    "plugins": {"errors"},
    "telemetry": set(),
    "rules": {"errors", "secret", "session", "networks"},
    "messages": {"rules"},
    "wire": {"errors", "secret", "session", "messages", "rules"},
    "tls": {"errors", "secret", "clock", "files", "remedies"},
    "http": {"errors", "secret", "tls", "telemetry", "networks", "files", "remedies"},
    "config": {"errors", "secret", "session", "files", "plugins", "rules", "tls.trust"},
    "upstream": WORDS | {"rules", "wire", "tls"},
    "store": WORDS | {"rules", "telemetry"},
    "audit": WORDS | {"rules", "telemetry", "store.port"},
    "identity": WORDS
    | {"rules", "config.values", "config.provider_tables", "tls", "store.port", "upstream"}
    | {"wire.vim.client"},
    "gateway.background": GATEWAY,
    "gateway.relay_rules": GATEWAY,
    "gateway.credentials": GATEWAY | BELOW_GATES,
    "gateway.leases": GATEWAY | BELOW_GATES | {"gateway.credentials"},
    "gateway.calls": GATEWAY | BELOW_GATES | {"gateway.leases"},
    "gateway": GATEWAY | BELOW_GATES | {"gateway.calls", "gateway.credentials", "gateway.leases"},
    "service": WORDS
    | {"messages", "telemetry", "rules", "audit", "store.port", "store.manager_port"}
    | {
        "store.ending_marks",
        "store.search",
        "identity.port",
        "identity.routing",
        "identity.guard",
        "identity.tokens.port",
    },
    "dialects": WORDS
    | {"messages", "rules", "telemetry", "wire", "http", "service", "store.port", "audit.journal"}
    | {"audit.access_checks", "audit.clone_tickets", "gateway"},
    # For dev and tests: `serve` never comes here.
    "faults": WORDS
    | {"rules", "wire", "http", "audit", "service", "store.port", "identity.guard", "telemetry"}
    | {"config.values", "tls", "upstream", "identity.tokens.port", "store.ending_marks"},
    "operations": WORDS | {"holders", "telemetry", "messages", "rules", "service", "http.message"},
    "operations.console": WORDS
    | {"rules", "telemetry", "service", "http", "audit.event", "audit.journal"}
    | {"store.search", "operations.control", "operations.port", "wire.carriers"},
    "testing": WORDS
    | {"rules", "store.port", "store.gateway_port", "store.manager_port", "identity.port"},
    # A whole server, for other people's tests.
    "testing.clock_step": IN_TESTS,
    "testing.gate": IN_TESTS,
    "testing.gate_base": IN_TESTS,
    "testing.gate_thread": IN_TESTS,
    "testing.observed": IN_TESTS,
    "testing.users": IN_TESTS,
    "testing.remote_line": IN_TESTS,
    "testing.remote_gate": IN_TESTS,
    "testing.child_gate": IN_TESTS,
    "testing.gate_choice": IN_TESTS,
}
FREE = {"__main__", "app", "cli"}

PURE = {
    "rules",
    "wire",
    "networks",
    "identity.ldap.filter",
    "identity.ldap.messages",
    "identity.ldap.verdicts",
}
IMPURE = {
    "asyncio",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "structlog",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "uvloop",
}

# Imports inside functions, each with its reason. The list may only shrink.
HIDDEN: dict[tuple[str, str], str] = {
    ("sessiongate/app/__init__.py", "sessiongate"): "`running` is the whole server",
    ("sessiongate/cli/main.py", "sessiongate"): "Ctrl-C is heeded before it",
    ("sessiongate/cli/server_process.py", "uvloop"): "not installed on Windows",
}


def imported(node: Import) -> list[str]:
    """The full names that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    dots = "." * node.level
    return [f"{dots}{node.module or ''}.{alias.name}" for alias in node.names]


def below(name: str, allowed: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{one}.") for one in allowed)


def row_of(module: str) -> str:
    """The row of the table that says what a module may import."""
    rows = (one for one in MAY_IMPORT if below(module, {one}))
    return max(rows, key=len, default=module.partition(".")[0])


def breaches(module: str, source: str | ast.Module) -> list[str]:
    """Imports, at the top or hidden in a function, that this module may not make."""
    area, pure = module.partition(".")[0], below(module, PURE)
    row = row_of(module)
    tree = ast.parse(source) if isinstance(source, str) else source
    wrong: list[str] = []
    for node in imports_of(tree):
        for name in imported(node):
            root, _, inner = name.partition(".")
            if not root:
                wrong.append(name)  # relative: says neither where from nor how far
            elif root == "sessiongate":
                if area in FREE or inner == "__version__":
                    continue
                if not below(inner, MAY_IMPORT[row] | {row}):
                    wrong.append(name)
            elif pure and root in IMPURE:
                wrong.append(name)
    return wrong


def reached_from(*modules: str) -> set[str]:
    """All modules that are imported where these are, and these."""
    there = {module_of(path).removesuffix(".__init__"): path for path in MODULES}
    reached, left = set[str](), set(modules)
    while left:
        one = left.pop()
        reached.add(one)
        for node in imports_of(tree_of(there[one])):
            for name in imported(node):
                inner = name.removeprefix("sessiongate.").split(".")
                parts = (".".join(inner[:count]) for count in range(1, len(inner) + 1))
                left |= {part for part in parts if part in there} - reached
    return reached


def test_serve_has_no_faults() -> None:
    """They are for dev, and for servers in tests."""
    reached = reached_from(
        "cli.main",
        "cli.lazy",
        "cli.serve",
        "app.in_process",
        "app.workers.process",
        "app.workers.supervisor",
    )
    assert reached >= {"app.server", "http.connection.cut", "cli.root", "cli.serve"}
    assert {one for one in reached if below(one, {"faults", "testing"})} == set()


def hidden(tree: ast.Module) -> list[str]:
    """Packages that are imported anywhere but at the top of a module."""
    top = set(map(id, tree.body))
    for node in tree.body:  # for those who read types, and for nobody who runs it
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            top |= set(map(id, node.body))
    return [
        name.partition(".")[0]
        for node in imports_of(tree)
        if id(node) not in top
        for name in imported(node)
    ]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def area_of(path: Path) -> str:
    return module_of(path).partition(".")[0]


MODULES = [path for path in python_files(PACKAGE) if path != PACKAGE / "__init__.py"]


def test_imports_point_downwards() -> None:
    wrong = {name_of(path): breaches(module_of(path), tree_of(path)) for path in MODULES}
    assert {name: imports for name, imports in wrong.items() if imports} == {}


def test_every_area_has_a_row() -> None:
    assert {area_of(path) for path in MODULES} <= MAY_IMPORT.keys() | FREE


def test_the_table_itself_has_no_circle() -> None:
    left = {area: {row_of(one) for one in row} for area, row in MAY_IMPORT.items()}
    while left:
        ends = [area for area, row in left.items() if not row & left.keys()]
        assert ends, f"these import each other: {sorted(left)}"
        for area in ends:
            del left[area]


def test_imports_hide_in_no_function() -> None:
    found = {(name_of(path), name) for path in MODULES for name in hidden(tree_of(path))}
    assert found == HIDDEN.keys()


@each(
    ("module", "source", "wrong"),
    [
        ("rules", "import time", ["time"]),
        ("rules", "def f():\n    from os import environ", ["os.environ"]),
        ("wire", "import os.path", ["os.path"]),
        ("wire", "import sessiongate.store.embedded.memory", ["sessiongate.store.embedded.memory"]),
        ("rules", "from sessiongate.store.port import Store", ["sessiongate.store.port.Store"]),
        ("service", "from sessiongate.store.port import Store", []),
        ("service", "from sessiongate.store import port", []),
        ("service", "from sessiongate.store import embedded", ["sessiongate.store.embedded"]),
        ("identity.ldap.filter", "import ssl", ["ssl"]),
        ("identity.ldap.connection", "import ssl", []),
        ("service", "from sessiongate.store.portal import x", ["sessiongate.store.portal.x"]),
        ("service", "from sessiongate import app", ["sessiongate.app"]),
        ("service", "from sessiongate.service import journal", []),
        ("service", "from . import journal", ["..journal"]),
        ("service", "import time", []),
        ("http", "from sessiongate import __version__, telemetry", []),
        ("cli", "from sessiongate import app", []),
        ("store", "from sessiongate.testing import FakeClock", ["sessiongate.testing.FakeClock"]),
    ],
)
def test_the_check_sees(module: str, source: str, wrong: list[str]) -> None:
    assert breaches(module, source) == wrong


def test_the_check_of_hidden_imports_sees() -> None:
    source = "import os\ndef f():\n    import re\n    if f:\n        from json.x import y\n"
    assert hidden(ast.parse(source)) == ["re", "json"]


def private_imports(tree: ast.Module) -> list[str]:
    """Names of another of our modules that are that module's own: imported, or read from it."""
    modules, wrong = set(), []
    for node in nodes_in(tree, ast.ImportFrom):
        if (node.module or "").partition(".")[0] in OURS:
            for alias in node.names:
                modules.add(alias.asname or alias.name)
                if is_private(alias.name):
                    wrong.append(alias.name)
    for one in nodes_in(tree, ast.Attribute):
        if is_private(one.attr):
            owner = ast.unparse(one.value)
            wrong += [f"{owner}.{one.attr}"] if owner in modules else []
    return wrong


OURS = {"sessiongate", "tests", "bench"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@each("folder", [PACKAGE, TESTS])
def test_what_is_private_stays_in_its_module(folder: Path) -> None:
    found = [(name_of(path), private_imports(tree_of(path))) for path in python_files(folder)]
    assert [one for one in found if one[1]] == []


@each(
    ("source", "wrong"),
    [
        ("from sessiongate.http.listening.sockets import _BACKLOG", ["_BACKLOG"]),
        ("from tests.house import sources as s\ns._cached", ["s._cached"]),
        ("from sessiongate import __version__", []),
        ("from sessiongate.config.kinds import Table as _Table\nclass Sessions(_Table): ...", []),
        ("import os\nfrom lxml import etree\netree._Element; os._exit(1)", []),
    ],
)
def test_the_check_of_private_names_sees(source: str, wrong: list[str]) -> None:
    assert private_imports(ast.parse(source)) == wrong
