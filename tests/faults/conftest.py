"""One server for the tests of faults, as new for each."""

from collections.abc import Iterator

import pytest

from sessiongate.testing import Gate


@pytest.fixture(scope="session")
def _faulty() -> Iterator[Gate]:
    with Gate.start(tls=False, seed=7) as gate:
        yield gate


@pytest.fixture
def gate(_faulty: Gate) -> Gate:
    """Without sessions, events and rules. It speaks plain HTTP."""
    _faulty.reset()
    return _faulty
