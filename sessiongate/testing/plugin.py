"""The pytest plugin: a server for each test, in pytest's own process.

    def test_my_client_logs_in_again(sessiongate):
        my_client.login(sessiongate.url, "ci", sessiongate.users["ci"].password)
        sessiongate.clock.advance(minutes=31)
        my_client.work()

Nothing of the server is imported until a test asks for one.
"""

import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import pytest

from sessiongate import testing

if TYPE_CHECKING:
    from sessiongate.testing.gate_choice import AnyGate

_LEAKS = ("off", "warn", "fail")
_ARGUMENTS = ("users", "profile", "idle_timeout", "tls", "settings", "seed")

_MARKER = (
    "sessiongate(users, profile, idle_timeout, tls, settings, seed, leaks): the server that the"
    " fixture `sessiongate` is, and what becomes of sessions that are left open"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the settings of pytest may say."""
    parser.addini(
        "sessiongate_leaks",
        "What a test comes to that leaves sessions open: off (the default), warn or fail.",
        default="off",
    )
    where = (
        "Where the server of `sessiongate` is: inprocess (the default), subprocess, or the URL or"
        " ready file of a `sessiongate dev` that runs."
    )
    parser.addini("sessiongate", where, default="inprocess")
    group = parser.getgroup("sessiongate", "a server for tests of clients")
    group.addoption("--sessiongate", dest="sessiongate_where", metavar="WHERE", help=where)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse settings that mean nothing."""
    config.addinivalue_line("markers", _MARKER)
    _leaks(config.getini("sessiongate_leaks"), "sessiongate_leaks")


class StartedGates:
    """Servers by what was asked of them: each is started once, and reset between tests."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._gates: dict[str, AnyGate] = {}
        self._until_closed = ExitStack()

    def start(self, asked: Mapping[str, Any]) -> "AnyGate":
        """Another server of these arguments. Raises pytest.UsageError where there can be none."""
        if self._where == "inprocess":
            with _as_without_pytest():
                return testing.Gate.start(**asked)
        try:
            return testing.starter(self._where)(**asked)
        except ValueError as problem:
            raise pytest.UsageError(f"--sessiongate: {problem}") from None
        except OSError as problem:
            why = f"the server does not answer: {problem}"
            raise pytest.UsageError(f"--sessiongate={self._where}: {why}") from None

    def get(self, asked: Mapping[str, Any]) -> "AnyGate":
        """The server of these arguments of `Gate.start`, as new."""
        key = repr(sorted(asked.items()))
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = self.start(asked)
            self._until_closed.callback(gate.close)
        else:
            gate.reset()
        return gate

    def close(self) -> None:
        """Stop all of them."""
        self._until_closed.close()


@contextmanager
def _as_without_pytest() -> Iterator[None]:
    """Import modules as they are, from what pip has compiled.

    pytest reads all that a plugin is installed with anew, to make its asserts tell more. That is
    some 500 modules of a server, and ten times what starting it takes.
    """
    before = list(sys.meta_path)
    sys.meta_path[:] = [one for one in before if not _rewrites(one)]
    try:
        yield
    finally:
        sys.meta_path[:] = [*before, *(one for one in sys.meta_path if one not in before)]


def _rewrites(finder: object) -> bool:
    return type(finder).__module__.startswith("_pytest.assertion")


@pytest.fixture(scope="session")
def _sessiongate_pool(pytestconfig: pytest.Config) -> Iterator[StartedGates]:
    """The servers of this run (of this worker, where several run tests)."""
    where = pytestconfig.getoption("sessiongate_where") or pytestconfig.getini("sessiongate")
    pool = StartedGates(where)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def sessiongate_server(_sessiongate_pool: StartedGates) -> "AnyGate":
    """The server that `sessiongate` is without arguments, for fixtures of a wider scope.

    It is reset before each test that asks for `sessiongate`.
    """
    return _sessiongate_pool.get({})


@pytest.fixture(name="sessiongate")
def _sessiongate(
    request: pytest.FixtureRequest, _sessiongate_pool: StartedGates
) -> "Generator[AnyGate, None, None]":
    """A server without sessions, events or lockouts, at the true time. See `Gate`."""
    marker = request.node.get_closest_marker("sessiongate")
    asked = dict(marker.kwargs) if marker is not None else {}
    if marker is not None and marker.args:
        raise pytest.UsageError("sessiongate: arguments of the marker have names")
    leaks = asked.pop("leaks", None)
    leaks = request.config.getini("sessiongate_leaks") if leaks is None else leaks
    _leaks(leaks, "sessiongate: leaks")
    for name in asked:
        if name not in _ARGUMENTS:
            known = ", ".join((*_ARGUMENTS, "leaks"))
            raise pytest.UsageError(f"sessiongate: no argument is called {name!r}; {known} are")
    gate = _sessiongate_pool.get(asked)
    yield gate
    if leaks == "off":
        return
    told = ""
    try:
        gate.assert_no_open_sessions()
    except testing.LeakedSessions as left:
        told = f"the test leaves {left}"
    if told and leaks == "fail":
        pytest.fail(told, pytrace=False)
    if told:
        warnings.warn(told, stacklevel=1)


@pytest.fixture
def sessiongate_factory(
    _sessiongate_pool: StartedGates,
) -> "Iterator[Callable[..., AnyGate]]":
    """Starts servers, with the arguments of `Gate.start`; they end with the test."""
    with ExitStack() as started:

        def start(**asked: Any) -> "AnyGate":  # noqa: ANN401 - whatever `Gate.start` takes
            gate = _sessiongate_pool.start(asked)
            started.callback(gate.close)
            return gate

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test fails, say what its server has seen."""
    report = yield
    gate = getattr(item, "funcargs", {}).get("sessiongate")
    if report.failed and report.when == "call" and gate is not None:
        report.sections.append(("sessiongate", _report(gate)))
    return report


def _report(gate: "AnyGate") -> str:
    try:
        seen = _events_and_log(gate)
    except (OSError, RuntimeError, ValueError, HTTPException) as problem:
        # An error in a report would end the whole run.
        seen = [f"the server does not answer: {type(problem).__name__}: {problem}"]
    return "\n".join([f"seed: {gate.seed}", *seen])


def _events_and_log(gate: "AnyGate") -> list[str]:
    events = [
        f"{one.at:%H:%M:%S} {one.event} {one.result} user={one.user} {one.reason} {one.detail}"
        for one in gate.events()
    ]
    return ["events:", *map(str.rstrip, events), "", "log:", *gate.log()]


def _leaks(value: object, name: str) -> None:
    if value not in _LEAKS:
        raise pytest.UsageError(f"{name}: {value!r} is none of {', '.join(_LEAKS)}")
