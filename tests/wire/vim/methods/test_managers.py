"""The rows of the managers with nothing to manage."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import managers as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "QueryPerf" in {row.name for row in rows.METHODS if row.on == "PerformanceManager"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_what_is_empty_has_a_type_that_can_be() -> None:
    for row in rows.METHODS:
        if row.handler in ("empty", "unset"):
            assert row.result is not None
            assert row.result.optional
    for one in rows.PROPERTIES:
        if one.handler in ("empty", "unset"):
            assert one.field.optional
