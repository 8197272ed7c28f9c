"""Scenarios: each can be read, and does what it says."""

import pytest

from sessiongate.errors import ConfigError
from sessiongate.faults.reader import read_rule
from sessiongate.faults.scenarios import SCENARIOS, rules_in, scenario_of
from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS, gist, soap

ZERTO, SOAP = SPEAKERS["zerto"], SPEAKERS["soap"]


@each("name", list(SCENARIOS))
def test_each_is_made_of_rules(name: str) -> None:
    assert all(read_rule(told).steps for told in scenario_of(name))


def test_the_eight_names() -> None:
    assert set(SCENARIOS) == {
        *("idle-surprise", "cap-550", "restart", "flaky-network", "stale-password"),
        *("half-rotten", "slow-directory", "rotate-certificate"),
    }
    with pytest.raises(ConfigError, match="did you mean cap-550"):
        scenario_of("cap-55")
    with pytest.raises(ConfigError, match="there are: idle-surprise"):
        scenario_of("xyzzy")


def test_a_file_holds_a_list_or_a_table_with_one() -> None:
    rules = [{"fault": "store.down"}]
    assert rules_in(rules) == rules_in({"rules": rules}) == rules
    wrongs: tuple[object, ...] = ([], {}, {"rules": {}}, ["x"], 1)
    for wrong in wrongs:
        with pytest.raises(ConfigError, match=r"must hold rules: in TOML .* \[\[rules\]\]"):
            rules_in(wrong)


def test_idle_surprise(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    with gate.scenario("idle-surprise"):
        assert [ZERTO.call(gate, token).status for _ in range(2)] == [200, 401]
        assert ZERTO.call(gate, ZERTO.logged_in(gate)).status == 200


def test_cap_550(gate: Gate) -> None:
    token = SOAP.logged_in(gate)
    with gate.scenario("cap-550"):
        assert SOAP.call(gate, token).status == 200
        assert [each.login(gate).status for each in (SOAP, ZERTO)] == [503, 503]


def test_restart(gate: Gate) -> None:
    token = ZERTO.logged_in(gate)
    with gate.scenario("restart") as placed:
        for _ in range(3):
            with pytest.raises((ConnectionError, OSError)):
                ZERTO.call(gate, token)
        assert ZERTO.call(gate, token).status == 401
        assert ZERTO.call(gate, ZERTO.logged_in(gate)).status == 200
    assert placed.hits == 4


def test_flaky_network(gate: Gate) -> None:
    def outcome() -> int:
        try:
            return ZERTO.login(gate).status
        except OSError:
            return 0

    with gate.scenario("flaky-network"):
        found = [outcome() for _ in range(40)]
    assert set(found) == {0, 200}
    assert 4 <= found.count(0) <= 20
    # Of those without a reply, some were let in all the same.
    assert len(gate.sessions()) >= found.count(200)


def test_stale_password(gate: Gate) -> None:
    with gate.scenario("stale-password"):
        assert [ZERTO.login(gate).status for _ in range(4)] == [401] * 4
    assert [one.reason for one in gate.events("login refused")] == [
        *["BadCredentials"] * 3,
        "LockedOut",
    ]


def test_half_rotten(gate: Gate) -> None:
    token = SOAP.logged_in(gate)
    with gate.scenario("half-rotten"):
        assert gist(soap(gate, "CurrentTime", token, kind="ServiceInstance")) == "200"
        assert gist(SOAP.call(gate, token)) == "500 NotAuthenticated"
