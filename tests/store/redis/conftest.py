"""Redis as the tests of its store want it: shared, of both kinds, or one that a test may kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import redis as peer
from tests.peers.redis import Cluster, Redis


@pytest.fixture(params=["one", "three"])
def url(request: pytest.FixtureRequest) -> str:
    """One server, then a Cluster."""
    name = "redis" if request.param == "one" else "cluster"
    servers: Redis | Cluster = request.getfixturevalue(name)
    return servers.url


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Redis]:
    """A Redis for this test alone, which may kill it."""
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path / "redis") as running:
        yield running
