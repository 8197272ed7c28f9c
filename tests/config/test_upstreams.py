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


def test_a_caller_s_upstream_may_have_an_observer_and_its_password() -> None:
    kept = {name: SERVICE[name] for name in ("upstream.vc1.type", "upstream.vc1.url")}
    with pytest.raises(ConfigError) as told:
        load(None, {}, {**kept, "upstream.vc1.next_password": "soon"})
    assert [one.partition(" (")[0] for one in told.value.problems] == [
        "upstream.vc1.username: is required with an observer",
        "upstream.vc1.password: is required with an observer",
    ]
    observer = {"upstream.vc1.username": "eyes", "upstream.vc1.password": "p"}
    assert load(None, {}, {**kept, **observer}).upstream["vc1"].account == "caller"
    with pytest.raises(ConfigError) as told:
        load(None, {}, {**kept, **observer, "upstream.vc1.roles": ["operator"]})
    (said,) = told.value.problems
    assert said.startswith("upstream.vc1.roles: is about account")


def test_a_host_is_named_once() -> None:
    assert problems(hosts=["vc1.example", "vc2.example", "VC1.example"]) == [
        "upstream.vc1.hosts: entry 3 repeats an earlier one; remove it (on the command line)"
    ]
    two = {name.replace("vc1", "vc2"): value for name, value in SERVICE.items()}
    both = {"upstream.vc1.hosts": ["gw.example"], "upstream.vc2.hosts": ["GW.example"]}
    with pytest.raises(ConfigError) as told:
        load(None, {}, {**SERVICE, **two, **both})
    (said,) = told.value.problems
    assert "has a Host that upstream.vc1 has too" in said


@each("host", ["vc1.example", "127.0.0.1:9669", "[2001:DB8::1]", "[::1]:443", "VC1.example:1"])
def test_what_a_client_may_put_into_host(host: str) -> None:
    config = load(None, {}, {**SERVICE, "upstream.vc1.hosts": [host]})
    assert config.upstream["vc1"].hosts == (host.lower(),)


@each(
    "host",
    ["", "a b", "*.example", "https://vc1.example", "vc1.example:0", "vc1:65536", "::1", "[x]", 5],
)
def test_what_is_no_host(host: object) -> None:
    (said,) = problems(hosts=[host])
    assert said.startswith("upstream.vc1.hosts: ")


def test_readers_alone_are_a_contradiction() -> None:
    (said,) = problems(roles=[], read_roles=["user"])
    assert said.startswith("upstream.vc1.roles: is required")
    assert "read_only = true" in said
    (said,) = problems(roles=[])
    assert "read_only" not in said


@each("address", ["proxy:3128", "https://proxy.example", "http://a:b@proxy.example", "http://p/x"])
def test_a_proxy_is_an_address_without_more(address: str) -> None:
    (said,) = problems(proxy=address)
    assert said.startswith('upstream.vc1.proxy: must be an address such as "http://proxy.example')
