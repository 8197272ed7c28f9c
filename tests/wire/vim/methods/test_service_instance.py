"""The rows of ServiceInstance."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import service_instance as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "CurrentTime" in {row.name for row in rows.METHODS if row.on == "ServiceInstance"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_what_is_announced_is_for_anybody() -> None:
    anonymous = {row.name for row in rows.METHODS if row.privilege == "System.Anonymous"}
    assert anonymous == {"RetrieveServiceContent"}
