"""The rows of PropertyCollector."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import property_collector as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "WaitForUpdatesEx" in {row.name for row in rows.METHODS if row.on == "PropertyCollector"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_only_the_two_retrieves_are_for_anybody() -> None:
    anonymous = {row.name for row in rows.METHODS if row.privilege == "System.Anonymous"}
    assert anonymous == {"RetrieveProperties", "RetrievePropertiesEx"}
