"""The settings of forward-auth: what they say, and what is wrong with them."""

from pathlib import Path

import pytest

from sessiongate.config import load, show
from sessiongate.config.forward_auth import problems
from sessiongate.errors import ConfigError
from sessiongate.rules.forward_auth import AccessRule
from tests.each import each

DESIGN = """
[server]
trusted_proxies = ["10.0.0.5"]
[forward_auth]
enabled = true
headers = "x-forwarded"
touch = false
login_url = "https://login.example/"
[[forward_auth.rules]]
host = "Grafana.example.com"
path = "/admin/"
methods = ["GET", "POST"]
roles = ["operator", "administrator"]
[[forward_auth.rules]]
host = "grafana.example.com"
"""


def test_it_is_off_by_default() -> None:
    table = load(None, {}).forward_auth
    assert (table.enabled, table.headers, table.touch) == (False, "remote", True)
    assert (table.login_url, table.rules) == (None, ())


def test_the_tables_of_the_design_are_read_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "sessiongate.toml"
    path.write_text(DESIGN)
    config = load(path, {})
    first, second = config.forward_auth.rules
    assert first == AccessRule(
        host="grafana.example.com",
        path="/admin",
        methods=frozenset({"GET", "POST"}),
        roles=frozenset({"operator", "administrator"}),
    )
    assert second == AccessRule(host="grafana.example.com")
    assert show(config)["forward_auth.rules"] == {
        "value": [
            {
                "host": "grafana.example.com",
                "path": "/admin",
                "methods": ["GET", "POST"],
                "roles": ["administrator", "operator"],
            },
            {"host": "grafana.example.com"},
        ],
        "origin": "file",
    }


def told(**settings: object) -> list[str]:
    given = {f"forward_auth.{name}": value for name, value in settings.items()}
    with pytest.raises(ConfigError) as wrong:
        load(None, {}, given)
    return wrong.value.problems


def test_all_that_is_wrong_with_the_rules_is_told_at_once() -> None:
    said = told(rules=[{"roles": ["user"]}, {"hots": "a", "path": "a"}, {"roles": []}], headers="x")
    assert len(said) == 4
    assert any("headers: must be one of remote, x-auth-request, x-forwarded" in one for one in said)
    assert any("entry 2 has a key that is no setting; did you mean host?" in one for one in said)
    assert any("entry 2 has path, which must be a path such as" in one for one in said)
    assert any("entry 3 has roles, which must name one at least" in one for one in said)
    [said_of_url] = told(login_url="http://login.example/")
    assert said_of_url.startswith("forward_auth.login_url: must be an address such as")


def test_roles_have_to_be_there() -> None:
    [said] = told(rules=[{}, {"roles": ["user", "operater"]}])
    assert said.startswith("forward_auth.rules: entry 2 must name roles; there are: ")
    assert "did you mean operator?" in said
    assert list(problems([AccessRule(roles=frozenset({"own"}))], ["own"])) == []


@each("network", ["0.0.0.0/0", "::/0", "10.0.0.5/0", "192.0.2.1, 0.0.0.0/0"])
def test_sec_33_a_network_that_holds_every_address_is_no_trusted_proxy(network: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        load(None, {"SESSIONGATE_SERVER__TRUSTED_PROXIES": network})
    [said] = wrong.value.problems
    assert said.startswith("server.trusted_proxies")
    assert "must not hold every address" in said
