"""How many connections there may be, by the number of files that the process may open."""

import pytest

from sessiongate.app.build import OWN_CONNECTIONS
from sessiongate.app.descriptors import KEPT, places
from sessiongate.http.connection.transport_connection import REFUSED_WITH_A_REPLY


@pytest.mark.parametrize(
    ("wanted", "files", "most"),
    [
        (20000, None, 20000),
        (20000, 65536, 20000),
        (20000, 20000 + KEPT, 20000),
        (20000, 20000 + KEPT - 1, 19999),
        (20000, 1024, 768),
        (100, 1024, 100),
        (20000, 256, 128),
        (20000, 64, 32),
        (20000, 1, 1),
    ],
)
def test_sec_74_descriptors_are_kept_back(wanted: int, files: int | None, most: int) -> None:
    assert places(wanted, files) == most


def test_sec_74_what_is_kept_back_is_enough_for_our_own_listeners() -> None:
    """And for the few above the cap that are told so; the rest is the store's and the like."""
    assert 2 * OWN_CONNECTIONS + REFUSED_WITH_A_REPLY <= KEPT - 64
