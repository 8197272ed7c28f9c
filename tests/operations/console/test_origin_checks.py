"""Hosts of our own."""

from sessiongate.operations.console.origin_checks import FormKeys, OwnHosts
from tests.each import each

OWN = OwnHosts(["localhost", "127.0.0.1", "::1", "*.corp.example"], any_address=False)


@each("host", ["localhost", "LOCALHOST.:1", "127.0.0.1:9680", "[::1]:9680", "sg.corp.example"])
def test_names_of_ours_at_any_port(host: str) -> None:
    assert OWN.has(host)


@each(
    "host",
    [
        *(None, "", ":9680", "evil.example", "a.b.corp.example", ".corp.example", "corp.example"),
        *("192.0.2.7", "127.0.0.1@evil", "localhost:99999", "local host"),
    ],
)
def test_no_other_name(host: str | None) -> None:
    assert not OWN.has(host)


def test_who_listens_on_all_addresses_answers_to_each_of_them_and_to_no_name() -> None:
    every = OwnHosts(["localhost"], any_address=True)
    assert every.has("192.0.2.7:9680")
    assert every.has("[2001:db8::1]")
    assert not every.has("192.0.2.7.evil.example")


def test_a_forms_value_is_of_one_session_and_one_server() -> None:
    keys, others = FormKeys(b"a"), FormKeys(b"b")
    value = keys.of(b"one")
    assert keys.is_right(value, b"one")
    assert not keys.is_right(value, b"two")
    assert not others.is_right(value, b"one")
    assert not keys.is_right("é", b"one")
