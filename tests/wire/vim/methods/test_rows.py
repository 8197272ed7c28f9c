"""Rows from their shorthand."""

from sessiongate.wire.vim.methods.rows import method, prop, when_nothing
from sessiongate.wire.vim.types import Field


def test_a_method_is_handled_by_its_own_name_unless_another_is_given() -> None:
    row = method("X", "FindByUuid", "uuid:string? more:int", "Y*", "Finds.")
    assert row.params == (Field("uuid", "string", optional=True), Field("more", "int"))
    assert row.result == Field("returnval", "Y", optional=True, array=True)
    assert row.handler == "find_by_uuid"
    assert method("X", "Do", "", "", "Does.", handler="other").handler == "other"
    assert method("X", "Do", "", "", "Does.").result is None


def test_a_property_likewise() -> None:
    row = prop("X", "childType:string*", "Types.")
    assert (row.name, row.handler) == ("childType", "child_type")
    assert row.field == Field("childType", "string", optional=True, array=True)


def test_nothing_is_a_list_or_unset() -> None:
    assert [when_nothing(one) for one in ("a:X*", "a:X?", "X*")] == ["empty", "unset", "empty"]
