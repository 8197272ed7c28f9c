"""How one table of the rules is read."""

import pytest

from sessiongate.config.access_rules import SCHEMA, as_json, read
from sessiongate.config.values import Several
from sessiongate.rules.forward_auth import AccessRule
from tests.each import each


def wrong(table: object) -> str:
    with pytest.raises(Several) as told:
        read([{"host": "fine.example"}, table])
    return "; ".join(told.value.problems)


@each("value", ["text", 1, None, {"host": "a"}])
def test_rules_are_a_list_of_tables(value: object) -> None:
    with pytest.raises(ValueError, match=r"must be tables \[\[forward_auth.rules\]\]"):
        read(value)


@each(
    ("table", "said"),
    [
        ("text", "entry 2 must be a table"),
        ({"users": ["a"]}, "there are host, path, methods, roles"),
        ({"role": ["a"]}, "did you mean roles?"),
        ({"host": "a.example:443"}, "has host, which must have no port"),
        ({"host": "*.example"}, "has host, which must be a name or an address"),
        ({"host": "https://a.example"}, "without scheme, port and path"),
        ({"path": "app"}, 'such as "/app"'),
        ({"path": "/a?b"}, "without query"),
        ({"path": "/a#b"}, "without query"),
        ({"path": "/café"}, "are escaped"),
        ({"path": 1}, 'such as "/app"'),
        ({"path": "/a//b"}, "no reader takes for another"),
        ({"path": "/a/%2e%2e/b"}, "no reader takes for another"),
        ({"methods": ["get"]}, "entry 2 has methods: entry 1 must be a method in capital letters"),
        ({"methods": []}, "must name one at least"),
        ({"roles": [1]}, "entry 1 must be a text"),
        ({"host": "", "path": ""}, "entry 2 has path"),
    ],
)
def test_what_is_wrong_names_table_key_and_way_out(table: object, said: str) -> None:
    assert said in wrong(table)


def test_spellings_of_one_rule_are_one() -> None:
    [rule] = read([{"host": "A.Example.", "path": "/%61pp/", "methods": "GET,POST"}])
    assert rule == AccessRule(host="a.example", path="/app", methods=frozenset({"GET", "POST"}))
    assert read([{"host": "[2001:DB8:0::1]"}])[0].host == "[2001:db8::1]"
    assert read([{"path": "/"}]) == (AccessRule(),)
    assert read(read([{"path": "/caf%C3%A9"}])) == (AccessRule(path="/café"),)


def test_what_is_shown_is_what_was_given() -> None:
    assert as_json(AccessRule()) == {}
    assert as_json(AccessRule(host="a", roles=frozenset({"b"}))) == {"host": "a", "roles": ["b"]}
    assert set(SCHEMA["items"]["properties"]) == {"host", "path", "methods", "roles"}
