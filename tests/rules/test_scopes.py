"""What a token is good for."""

from sessiongate.rules.scopes import console_role, console_scope
from tests.each import each


@each("role", ["operator", "administrator", "a:b"])
def test_a_scope_of_the_console_names_its_role(role: str) -> None:
    assert console_role((console_scope(role),)) == role


@each("scopes", [(), ("vc1",), ("vc1", "console:operator"), ("console:a", "console:b")])
def test_any_other_is_none_for_the_console(scopes: tuple[str, ...]) -> None:
    assert console_role(scopes) == ""
