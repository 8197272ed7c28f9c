"""What is always refused."""

from sessiongate.wire.vim.methods.refused import REFUSED


def test_every_row_says_the_same() -> None:
    assert len(REFUSED) > 300
    for (kind, name), row in REFUSED.items():
        assert (row.on, row.name) == (kind, name)
        assert row.params == ()
        assert row.result is None
        assert row.faults == ("NotSupported",)


def test_what_changes_an_inventory_is_among_them() -> None:
    for key in (("Folder", "CreateFolder"), ("FileManager", "MakeDirectory")):
        assert key in REFUSED
