"""The servers of the end-to-end tests, for the security tests too, and people to be rough with."""

from collections.abc import Callable
from itertools import count

import pytest

from tests.end_to_end.conftest import make_server, server, settings_of, shared
from tests.end_to_end.serving import Server, add_people

__all__ = ["make_server", "server", "shared", "someone", "store"]

Person = tuple[str, str]
_NUMBERS = count(1)


@pytest.fixture(scope="session", params=["sqlite"])
def store(request: pytest.FixtureRequest) -> Callable[[], str]:
    """As for the end-to-end tests: SQLite, unless a test is told to several kinds."""
    return settings_of(request)


@pytest.fixture
def someone(shared: Server) -> Callable[[str], Person]:
    """Makes a user of this role on the shared server, whom no other test knows."""

    def make(role: str = "user") -> Person:
        number = next(_NUMBERS)
        person = (f"person-{number}", f"pass of person {number}")
        add_people(shared.data_dir / "users.toml", {person: role})
        return person

    return make
