"""The rows of events and tasks."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import events as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "QueryEvents" in {row.name for row in rows.METHODS if row.on == "EventManager"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_both_kinds_of_collectors_have_the_same_methods_but_for_reading() -> None:
    def names(kind: str) -> set[str]:
        return {row.name for row in rows.METHODS if row.on == kind}

    assert {name.replace("Event", "Task") for name in names(rows.EVENTS)} == names(rows.TASKS)
