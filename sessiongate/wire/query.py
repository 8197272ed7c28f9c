"""The query of a request's address and its percent signs, bounded before they are read.

Percent signs are read one by one, in Python: the 64 KiB that the head of a request may have took
30 ms of everybody's time.
"""

from urllib.parse import parse_qsl

LONGEST = 4096
"""Bytes. Real queries have a name or two."""


def read_query(query: str) -> list[tuple[str, str]]:
    """Names and values in their order, those without a value too. None of a query too long."""
    return parse_qsl(query, keep_blank_values=True) if len(query) <= LONGEST else []
