"""The rows of views."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import views as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "CreateContainerView" in {row.name for row in rows.METHODS if row.on == "ViewManager"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_every_view_can_be_seen_and_destroyed() -> None:
    for kind in rows.VIEWS:
        assert (kind, "DestroyView") in {(row.on, row.name) for row in rows.METHODS}
        assert (kind, "view") in {(row.on, row.name) for row in rows.PROPERTIES}
