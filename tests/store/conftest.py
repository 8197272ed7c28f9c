"""Peers that the tests of stores share."""

from collections.abc import Iterator

import pytest

from tests.peers import redis as peer
from tests.peers.redis import Cluster, Redis


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A running Redis that all tests share. Nobody may stop it."""
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running Cluster of three that all tests share. Nobody may stop it."""
    if why := peer.missing():
        pytest.skip(why)
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
