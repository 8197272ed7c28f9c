"""The server that the lines of the pages are run against."""

from tests.end_to_end.conftest import shared, store

__all__ = ["shared", "store"]
