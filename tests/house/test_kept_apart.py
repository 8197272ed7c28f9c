"""What the plan of the rooms keeps out of each of them: docs/decisions/0049-rooms.md."""

import ast
import re

from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.service.tickets import Tickets
from tests.each import each
from tests.house.sources import PACKAGE, name_of, nodes_in, python_files, tree_of

MOST_PARAMETERS = 6
LONGEST_SERVER = 280
LONGEST_TABLE = 60


def found(room: str, pattern: str) -> list[str]:
    """Modules of a room in which something is written."""
    files = python_files(PACKAGE / room)
    sought = re.compile(pattern, re.MULTILINE)
    return [name_of(path) for path in files if sought.search(path.read_text(encoding="utf-8"))]


@each(
    ("room", "pattern"),
    [
        # Which store it is nobody asks: what differs is in its port or its kind.
        (".", r"isinstance\([^)]*\b\w*Store\b"),
        (".", r"\bis_redis\b"),
        # What a provider may have is a protocol of its port, not a name that is tried.
        (".", r"getattr\([^)]*\"refresh\""),
        # Clock, journal and locale are given to whoever needs them.
        (".", r"\b_sessions\._?(journal|clock)\b"),
        # The form of a token and the default provider come from the dialect.
        ("service", r"(?i)\bzerto"),
        # A session whose reply reached nobody is the business of the endpoint that opened it.
        ("http", r"(?i)unclaimed"),
        ("app", r"(?i)unclaimed"),
        # Providers read their settings by `config.provider_tables`.
        ("identity", r"class _(Reader|Settings)\b"),
    ],
)
def test_a_room_knows_nothing_of_this(room: str, pattern: str) -> None:
    assert found(room, pattern) == []


@each(
    ("room", "pattern", "where"),
    [
        # From a token to its session, for every endpoint.
        (".", r"^async def caller\b", ["sessiongate/dialects/request.py"]),
        # What `ca`, `fingerprint` and `verify` mean in a provider's table.
        (
            ".",
            r"\.(take|need|file)\(\s*\"(ca|fingerprint|verify)\"",
            ["sessiongate/config/provider_tables.py"],
        ),
    ],
)
def test_one_module_has_it_for_all(room: str, pattern: str, where: list[str]) -> None:
    assert found(room, pattern) == where


@each("kind", [Sessions, Logins, Tickets])
def test_a_service_takes_few_parameters(kind: type) -> None:
    code = kind.__init__.__code__  # type: ignore[misc]
    assert code.co_argcount + code.co_kwonlyargcount - 1 <= MOST_PARAMETERS


def test_the_server_starts_and_stops_and_knows_no_account() -> None:
    path = PACKAGE / "app" / "server.py"
    names = {node.attr for node in nodes_in(tree_of(path), ast.Attribute)}
    names |= {one.name for node in nodes_in(tree_of(path), ast.ImportFrom) for one in node.names}
    assert [name for name in names if re.search("account|principal", name, re.IGNORECASE)] == []
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_SERVER


def test_a_dialect_is_a_line_of_the_table_of_routes() -> None:
    """The rest of it is in its folder of `dialects` and its module or folder of `wire`."""
    path = PACKAGE / "app" / "routes.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_TABLE
    folders = [one for one in (PACKAGE / "dialects").iterdir() if (one / "routes.py").exists()]
    imported = {
        alias.asname or alias.name
        for node in nodes_in(tree_of(path), ast.ImportFrom)
        for alias in node.names
        if (node.module or "").startswith("sessiongate.dialects")
    }
    assert {one.name for one in folders} <= imported


def test_the_checks_see() -> None:
    assert found("wire", r"^class _Reader\b") == ["sessiongate/wire/xml.py"]
