"""Servers for the end-to-end tests: one that all cheap tests share, and one for each rough test.

Tests that share must not count on what others left: they log in themselves and look only for
their own sessions. Each of them is told to a server over SQLite and over a Redis with a cache in
front, which are as unlike as stores are; `OVER_ALL` marks those that every kind of store is told,
`EMBEDDED` those that have nothing to do with it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.serving import ADMIN, Server, with_people
from tests.peers.simulator import simulator

MakeServer = Callable[..., Server]

# Wrong passwords are typed on purpose here; locks are the subject of tests of their own.
SHARED_SETTINGS = """
[lockout]
attempts = 100000
[identity.local]
type = "file"
domains = ["CORP", "corp.example"]
"""
LOCAL = "[dialects.vsphere]\nlocal_tickets = true\n"
"""Whole lives of clients have a local ticket in them, which no server offers by itself."""


# In memory or in a file, the table is the same: the quick tests take the one with the file.
_STORES = {
    "memory": pytest.param("memory", marks=pytest.mark.slow),
    "sqlite": "sqlite",
    **{
        one: pytest.param(one, marks=pytest.mark.peer)
        for one in ("redis", "cached", "cluster", "valkey")
    },
}

EMBEDDED = pytest.mark.parametrize("store", ["sqlite"], indirect=True, scope="session")
"""For a test of what no store has a part in: once, over SQLite."""

OVER_ALL = pytest.mark.parametrize("store", _STORES.values(), indirect=True, scope="session")
"""For a test of what could be another thing over another store."""


def first_over_two(
    name: str, values: Sequence[str], row: Callable[[str], str] = str
) -> pytest.MarkDecorator:
    """For a client of several kinds: the first over two stores, the others over SQLite alone.

    What another store answers is told by the transcripts, over all. `row` makes the key of a kind's
    row in docs/interop.md.
    """
    first, *others = values
    pairs = [(first, "sqlite"), (first, "cached")]
    pairs += [(one, "sqlite") for one in others]
    return pytest.mark.parametrize(
        (name, "store"),
        [pytest.param(*pair, marks=pytest.mark.interop(row(pair[0]))) for pair in pairs],
        indirect=["store"],
        scope="session",
    )


_PREFIXES = (f"t{number}" for number in count(1))
"""Servers that share a Redis here share nothing in it."""


@pytest.fixture(scope="session", params=[_STORES["sqlite"], _STORES["cached"]])
def store(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes the settings of an empty store of one kind, which each test gets in turn."""
    return settings_of(request)


def settings_of(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes the settings of an empty store of the kind that the request names."""
    match request.param:
        case "memory":
            return lambda: '[store]\nurl = "memory:"\n'
        case "sqlite":
            return lambda: ""  # as it comes
        case kind:
            url = request.getfixturevalue("redis" if kind == "cached" else kind).url
            more = "cache = true\n" if kind == "cached" else ""
            return lambda: f'[store]\nurl = "{url}"\nprefix = "{next(_PREFIXES)}"\n{more}'


@pytest.fixture(scope="session")
def shared(store: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with `PEOPLE`. Nobody may stop it or change its users."""
    settings = store() + SHARED_SETTINGS + LOCAL
    folder = tmp_path_factory.mktemp("shared") / "data"
    console = {"SESSIONGATE_CONSOLE__LISTEN": "127.0.0.1:0"}
    server = with_people(folder, settings=settings, environ=console, keep_alive=True)
    with server:
        yield server
        server.stop()


@pytest.fixture
def over_store(store: Callable[[], str], tmp_path: Path) -> Iterator[Server]:
    """A running server with `PEOPLE` over one kind of store, for this test alone."""
    with with_people(tmp_path / "data", settings=store() + LOCAL) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server with `PEOPLE`, for this test alone."""
    with with_people(tmp_path / "data") as running:
        yield running


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Makes servers with `PEOPLE` and these facts (`Server`'s fields), started; ends them all."""
    made: list[Server] = []

    def make(**facts: Any) -> Server:
        server = with_people(tmp_path / f"data{len(made)}", **facts)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.kill9()


@pytest.fixture(name="simulator")
def a_simulator() -> Iterator[int]:
    """The port of a fresh simulator that knows the administrator."""
    with simulator(*ADMIN) as port:
        yield port
