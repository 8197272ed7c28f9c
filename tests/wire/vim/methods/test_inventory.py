"""The rows of the inventory."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import inventory as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "FindByInventoryPath" in {row.name for row in rows.METHODS if row.on == "SearchIndex"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_nothing_of_it_is_for_strangers() -> None:
    assert {row.privilege for row in rows.METHODS} == {"System.View"}
    assert {row.privilege for row in rows.PROPERTIES} == {"System.View"}
