"""Queries of addresses: read, or nothing where they are longer than any real one."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.wire.query import LONGEST, read_query


def test_names_and_values_come_in_their_order() -> None:
    query = "~action=get&%7eaction=g%65t&empty=&bare&a=b+c"
    assert read_query(query) == [
        ("~action", "get"),
        ("~action", "get"),
        ("empty", ""),
        ("bare", ""),
        ("a", "b c"),
    ]


def test_sec_73_a_query_without_end_is_none() -> None:
    assert read_query("a=" + "%" * (LONGEST - 2)) == [("a", "%" * (LONGEST - 2))]
    assert read_query("a=b&c=" + "%" * LONGEST) == []


@given(st.text())
def test_any_query_is_read(query: str) -> None:
    assert all(len(pair) == 2 for pair in read_query(query))
