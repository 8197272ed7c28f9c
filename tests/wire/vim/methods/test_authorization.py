"""The rows of AuthorizationManager."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import authorization as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "HasPrivilegeOnEntity" in {
        row.name for row in rows.METHODS if row.on == "AuthorizationManager"
    }
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_nothing_of_it_is_for_strangers() -> None:
    assert {row.privilege for row in rows.METHODS} == {"System.View"}
    assert {row.privilege for row in rows.PROPERTIES} == {"System.View"}
