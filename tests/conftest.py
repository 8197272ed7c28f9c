"""How the tests run: how hard Hypothesis tries, what a missing peer means, and what all share."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.dealing import dealt
from tests.gate import Gate
from tests.peers import redis as peer
from tests.peers.redis import Cluster, Redis

# In each run the same examples, so that a red test is red for everybody; `make fuzz` looks for
# new ones. No deadline: a busy machine is no bug.
settings.register_profile("default", derandomize=True, max_examples=60, deadline=None)
settings.register_profile(
    "fuzz",
    max_examples=5_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

pytest_plugins = ["tests.peers.interop"]

REQUIRE_PEERS = os.environ.get("SESSIONGATE_REQUIRE_PEERS") == "1"


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: each waits for half of its time, for what has its own."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python looks for no garbage in what is collected, of which all lives until the end.

    To look through it again and again took most of the time that collecting takes, and a part of
    each test's after that.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests come first in what each process begins with."""
    count = getattr(config, "workerinput", {}).get("workercount")
    if count is not None:
        items[:] = dealt(items, count, _is_slow, lambda item: item.path)


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


@pytest.fixture(autouse=True)
def every_level_is_logged() -> None:
    """What a test before has configured filters nothing: `capture_logs` does not undo that."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(0), cache_logger_on_first_use=False
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every peer is required, a test skipped for want of one has failed."""
    report = yield
    missing = report.skipped and not hasattr(report, "wasxfail")
    if REQUIRE_PEERS and missing and item.get_closest_marker("peer") is not None:
        report.outcome = "failed"
        report.longrepr = f"a required peer is missing: {report.longrepr}"
    return report


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """The services over an empty store, with a clock of their own."""
    return Gate(tmp_path)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A running Redis that all tests share. Nobody may stop it."""
    yield from _running(tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running Cluster of three that all tests share. Nobody may stop it."""
    if why := peer.missing():
        pytest.skip(why)
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A running Valkey that all tests share. Nobody may stop it."""
    yield from _running(tmp_path_factory.mktemp("valkey"), peer.VALKEY)


def _running(folder: Path, program: str = peer.DEFAULT) -> Iterator[Redis]:
    if why := peer.missing(program):
        pytest.skip(why)
    with Redis(folder, program=program) as running:
        yield running
