"""Types of the collector: what a newer toolkit must be able to leave out."""

from sessiongate.wire.vim.types.collector import BASES, TYPES


def test_a_traversal_may_stand_where_a_selection_is_asked_for() -> None:
    assert BASES["TraversalSpec"] == "SelectionSpec"
    required = [field.name for field in TYPES["TraversalSpec"] if not field.optional]
    assert required == ["type", "path"]
