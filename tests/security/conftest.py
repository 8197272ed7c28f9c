"""The servers of the end-to-end tests, for the security tests too."""

from tests.end_to_end.conftest import make_server, server, shared

__all__ = ["make_server", "server", "shared"]
