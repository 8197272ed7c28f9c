"""A scripted server for each test, and a session there."""

from collections.abc import Iterator

import pytest

from sessiongate_client import ZertoSession
from tests.client.scripted import PASSWORD, USER, Scripted, scripted


@pytest.fixture
def zvm() -> Iterator[tuple[Scripted, str]]:
    """A scripted server, and its address."""
    with scripted() as made:
        yield made


@pytest.fixture
def script(zvm: tuple[Scripted, str]) -> Scripted:
    """What the server does and was asked."""
    return zvm[0]


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the session has waited, in place of waiting."""
    return []


@pytest.fixture
def session(zvm: tuple[Scripted, str], waits: list[float]) -> Iterator[ZertoSession]:
    """A session there, logged out at the end."""
    with ZertoSession(zvm[1], USER, PASSWORD, wait=waits.append) as made:
        yield made
