"""Peers that the tests of identity providers share."""

from collections.abc import Iterator

import pytest

from tests.peers import slapd as peer
from tests.peers.slapd import Slapd


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A running slapd that all tests share. Nobody may stop it."""
    if why := peer.missing():
        pytest.skip(why)
    with Slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running
