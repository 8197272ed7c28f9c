"""Which sessions a filter takes."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from sessiongate.errors import InvalidArgument
from sessiongate.rules.session_filter import FIELDS, read_filter
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import a_session
from tests.each import each

SESSION = msgspec.structs.replace(
    a_session(),
    principal="ann@corp",
    dialect="vi-json",
    ip_address="192.0.2.7",
    user_agent="govc/0.37",
    provider="ldap",
    roles=("operator", "user"),
    active_at=T0,
)
NOW = T0 + timedelta(minutes=10)


def only(field: str, text: str) -> Callable[[str], str]:
    """What is said where one field alone is filled in."""
    said = {field: text}
    return lambda name: said.get(name, "")


@each(
    ("field", "takes", "leaves"),
    [
        ("user", ["ann@corp", "ANN@corp", "ann*", "*@corp"], ["ann", "a?n@corp", "[a]nn@corp"]),
        ("dialect", ["vi-json"], ["vi", "rest"]),
        ("address", ["192.0.2.7", "192.0.2.0/24", "192.0.2.99/24"], ["192.0.2.8", "2001:db8::/32"]),
        ("agent", ["govc", "GOVC/0"], ["curl"]),
        ("idle", ["10m", "600s", "5 m"], ["11m", "1h", "1d"]),
        ("provider", ["ldap"], ["local"]),
        ("role", ["operator", "user"], ["administrator"]),
    ],
)
def test_each_field_takes_what_it_says(field: str, takes: list[str], leaves: list[str]) -> None:
    for text in takes:
        assert read_filter(only(field, text)).fits(SESSION, NOW)
    for text in leaves:
        assert not read_filter(only(field, text)).fits(SESSION, NOW)


def test_nothing_said_takes_all() -> None:
    assert read_filter(lambda _: "").fits(SESSION, NOW)


def test_all_that_is_said_must_hold() -> None:
    said = {"user": "ann*", "dialect": "rest"}
    assert not read_filter(lambda name: said.get(name, "")).fits(SESSION, NOW)


def test_a_unix_socket_is_an_address_too() -> None:
    local = msgspec.structs.replace(SESSION, ip_address="/run/sg.sock")
    by_path = read_filter(only("address", "/run/sg.sock"))
    assert by_path.fits(local, NOW)
    assert not by_path.fits(SESSION, NOW)
    by_network = read_filter(only("address", "0.0.0.0/0"))
    assert not by_network.fits(local, NOW)


def test_sec_73_a_pattern_is_no_longer_than_a_name() -> None:
    with pytest.raises(InvalidArgument) as refused:
        read_filter(only("user", "*a" * 200))
    assert refused.value.name == "user"


@each(
    ("field", "text"),
    [("address", "here"), ("address", "192.0.2.0/33"), ("idle", "long"), ("idle", "9999999d")],
)
def test_what_cannot_be_read_names_its_field(field: str, text: str) -> None:
    assert field in FIELDS
    with pytest.raises(InvalidArgument) as refused:
        read_filter(only(field, text))
    assert refused.value.name == field
    assert "such as" in str(refused.value)
