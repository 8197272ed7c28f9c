"""What goes together in the table of an upstream."""

import pytest

from sessiongate.config.load import load
from sessiongate.errors import ConfigError
from tests.each import each

SERVICE = {
    "upstream.vc1.type": "vcenter",
    "upstream.vc1.url": "https://vc.example",
    "upstream.vc1.account": "service",
    "upstream.vc1.username": "svc",
    "upstream.vc1.password": "p",
    "upstream.vc1.roles": ["operator"],
}


def problems(**more: object) -> list[str]:
    """Of a table with a service account, with these of its settings in the place of others."""
    changed = {f"upstream.vc1.{name}": value for name, value in more.items()}
    with pytest.raises(ConfigError) as told:
        load(None, {}, {**SERVICE, **changed})
    return told.value.problems


@each("letter", ["\x00", "\x07", "\x1f", "\ud800", "\uffff"])
@each("setting", ["username", "password", "next_password"])
def test_what_no_request_could_carry_is_no_name_or_password(setting: str, letter: str) -> None:
    (said,) = problems(**{setting: f"a{letter}b"})
    assert said.startswith(f"upstream.vc1.{setting}: ")
    if setting != "username":
        assert "holds a letter that XML cannot carry" in said
        assert "anew" in said
        assert letter not in said


def test_letters_that_xml_can_carry_are_a_password() -> None:
    config = load(None, {}, {**SERVICE, "upstream.vc1.password": "\t<&>\ufffd\r\u00e9\U0001f511"})
    assert config.upstream["vc1"].password is not None


def test_a_caller_s_upstream_has_no_password() -> None:
    kept = {name: SERVICE[name] for name in ("upstream.vc1.type", "upstream.vc1.url")}
    with pytest.raises(ConfigError) as told:
        load(None, {}, {**kept, "upstream.vc1.next_password": "soon"})
    (said,) = told.value.problems
    assert said.startswith("upstream.vc1.next_password: is about account")
    assert "soon" not in said
