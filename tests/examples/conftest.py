"""The server that the examples talk to."""

from tests.end_to_end.conftest import shared, store

__all__ = ["shared", "store"]
