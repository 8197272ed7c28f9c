"""What --user says."""

import pytest
import typer

from sessiongate.cli.dev.users import role_meant, user_in
from tests.each import each

ROLES = ("administrator", "user", "auditor")


@each(
    ("text", "means"),
    [
        ("ci:secret", ("ci", "secret", "administrator")),
        ("ci:secret:user", ("ci", "secret", "user")),
        ("ci:secret:auditor", ("ci", "secret", "auditor")),
        ("ci:secret:users", ("ci", "secret:users", "administrator")),
        ("ci:secret:", ("ci", "secret:", "administrator")),
        ("ci:user", ("ci", "user", "administrator")),
        ("ci::user", ("ci", ":user", "administrator")),
        ("ci:a:b:user", ("ci", "a:b", "user")),
        ("ci:user:user", ("ci", "user", "user")),
        ("ada@corp.example:p w", ("ada@corp.example", "p w", "administrator")),
    ],
)
def test_a_last_part_that_is_no_role_is_of_the_password(
    text: str, means: tuple[str, str, str]
) -> None:
    user = user_in(text, ROLES)
    assert (user.name, user.password, user.role) == means


@each("text", ["", "ci", "ci:", ":secret", ":", "::user"])
def test_half_a_user_is_none(text: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        user_in(text, ROLES)
    assert "secret" not in refused.value.message


@each(
    ("text", "role"),
    [
        ("ci:secret:users", "user"),
        ("ci:secret:auditer", "auditor"),
        ("ci:secret:user", ""),
        ("ci:secret:other", ""),
        ("ci::user", ""),
        ("ci:users", ""),
    ],
)
def test_a_role_with_a_slip_is_seen(text: str, role: str) -> None:
    assert role_meant(user_in(text, ROLES), ROLES) == role
