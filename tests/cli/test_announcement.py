"""What is said at a start of where clients go."""

from typing import Any

import pytest

from sessiongate.app.started import Started
from sessiongate.cli.announcement import recipes, upstream_lines
from sessiongate.cli.dev.upstream import upstream_flags
from sessiongate.config import load

VC1: dict[str, Any] = {
    "upstream.vc1.type": "vcenter",
    "upstream.vc1.url": "https://vc1.corp.example",
}
VC2: dict[str, Any] = {
    "upstream.vc2.type": "vcenter",
    "upstream.vc2.url": "https://vc2.corp.example",
    "upstream.vc2.hosts": ["vc2.gate.example", "other.example"],
}
NAMES: dict[str, Any] = {"server.public_names": ["*.gate.example", "gate.example"]}


def lines(settings: dict[str, Any], *addresses: str) -> list[str]:
    return upstream_lines(load(None, {}, settings), Started(addresses, None, has_users=True))


def test_each_upstream_has_a_line_with_the_address_for_clients() -> None:
    assert lines({**VC1, **VC2, **NAMES}, "unix:/x", "0.0.0.0:9669") == [
        "Before https://vc1.corp.example (upstream.vc1): clients use https://gate.example:9669/sdk",
        "Before https://vc2.corp.example (upstream.vc2): clients use"
        " https://vc2.gate.example:9669/sdk",
    ]


def test_the_port_is_left_out_where_it_is_the_usual_one() -> None:
    (line,) = lines({**VC1, **NAMES}, "0.0.0.0:443")
    assert line.endswith(" https://gate.example/sdk")
    (line,) = lines({**VC1, **NAMES, "server.plain_http": True}, "0.0.0.0:80")
    assert line.endswith(" http://gate.example/sdk")
    hosts = {"upstream.vc1.hosts": ["[2001:db8::1]:8443"]}
    (line,) = lines({**VC1, **hosts}, "0.0.0.0:443")
    assert line.endswith(" https://[2001:db8::1]:8443/sdk")
    hosts = {"upstream.vc1.hosts": ["[2001:db8::1]"]}
    (line,) = lines({**VC1, **hosts}, "0.0.0.0:9669")
    assert line.endswith(" https://[2001:db8::1]:9669/sdk")


def test_without_a_name_it_is_the_address_on_this_machine() -> None:
    (line,) = lines(VC1, "[::]:9669")
    assert line.endswith(" https://[::1]:9669/sdk")
    # A name that means another upstream is none of this one.
    taken = {**VC1, **VC2, "server.public_names": ["vc2.gate.example"]}
    assert lines(taken, "127.0.0.1:9669")[0].endswith(" https://127.0.0.1:9669/sdk")


def test_there_is_none_without_an_upstream_or_an_address() -> None:
    assert lines({}, "127.0.0.1:9669") == []
    assert lines(VC1, "unix:/x") == []


@pytest.mark.parametrize("zerto", [False, True])
def test_before_a_zvm_our_own_administrator_is_shown_no_login_that_asks_the_zvm(
    zerto: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = upstream_flags("https://up.example", None, None, insecure=True, zerto=zerto)
    recipes(load(None, {}, flags), Started(("127.0.0.1:9669",), None, has_users=True))
    shown = capsys.readouterr().out
    assert ("/v1/session/add" in shown) is not zerto
    assert "/api/session" in shown
