"""A console for each test."""

import pytest

from tests.gate import Gate
from tests.operations.console.browser import Desk


@pytest.fixture
def desk(gate: Gate) -> Desk:
    """A console over an empty store."""
    return Desk(gate)
