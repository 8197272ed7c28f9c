"""What is hardly meant in the settings of forward-auth."""

from sessiongate.config import load
from sessiongate.config.forward_auth_doubts import forward_auth_doubts

ON = {"forward_auth.enabled": True, "server.trusted_proxies": ["10.0.0.5"]}


def doubts(**more: object) -> list[tuple[str, bool]]:
    given = {name.replace("__", "."): value for name, value in more.items()}
    return list(forward_auth_doubts(load(None, {}, {**ON, **given})))


def test_what_is_in_order_raises_none() -> None:
    assert doubts() == []
    assert doubts(forward_auth__enabled=False) == []
    narrow_first = [{"host": "a.example", "path": "/admin"}, {"host": "a.example"}]
    assert doubts(forward_auth__rules=narrow_first) == []


def test_sec_33_without_a_trusted_proxy_it_is_off_and_said() -> None:
    [(said, serious)] = doubts(server__trusted_proxies=[])
    assert serious
    assert "server.trusted_proxies names no proxy" in said


def test_rules_that_nobody_asks() -> None:
    [(said, serious)] = doubts(forward_auth__enabled=False, forward_auth__rules=[{}])
    assert not serious
    assert "forward_auth.enabled is false" in said


def test_a_rule_that_never_decides() -> None:
    rules = [{"host": "a.example"}, {"host": "b.example"}, {"host": "a.example", "path": "/x"}]
    [(said, serious)] = doubts(forward_auth__rules=rules)
    assert said.startswith("rule 3 never decides: rule 1 stands before it")
    assert not serious
