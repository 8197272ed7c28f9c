"""Scenarios: rules that together are something that happens to a site. Pure."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import msgspec

from sessiongate.errors import ConfigError

RuleFacts = Mapping[str, object]
"""One rule, as JSON has it."""


class Scenario(msgspec.Struct, frozen=True):
    """Rules, in the order in which they are added."""

    about: str
    rules: tuple[RuleFacts, ...]


SCENARIOS: Mapping[str, Scenario] = {
    "idle-surprise": Scenario(
        "The session has ended, idle, between its first request and its second.",
        ({"fault": "session.expire", "skip": 1},),
    ),
    "cap-550": Scenario(
        "The user has 550 sessions, and no one more can be opened.",
        ({"fault": "cap.reached", "body": "vendor", "profile": "vc8"},),
    ),
    "restart": Scenario(
        "The reply to one request is lost, two connections are refused, and no session is known.",
        (
            {"fault": "conn.close", "times": 1},
            {"fault": "conn.refuse", "times": 2},
            {"fault": "session.forget", "which": "all"},
        ),
    ),
    "flaky-network": Scenario(
        "Of ten requests two end by a reset, and of ten new connections one.",
        (
            {"fault": "conn.reset", "probability": 0.2},
            {"fault": "conn.reset", "at": "accept", "probability": 0.1},
        ),
    ),
    "stale-password": Scenario(
        "Three logins are refused, and then the account is locked.",
        (
            {
                "fault": "login.refuse",
                "times": 3,
                "then": [{"fault": "login.refuse", "as": "LockedOut"}],
            },
        ),
    ),
    "half-rotten": Scenario(
        "A session lives by its keep-alive, and has no use otherwise.",
        ({"fault": "session.half-rotten"},),
    ),
    "slow-directory": Scenario(
        "Logins take about three seconds, and the fourth is not judged at all.",
        (
            {
                "fault": "login.slow",
                "seconds": 3,
                "jitter": 1,
                "times": 3,
                "then": [
                    {"fault": "provider.down", "times": 1},
                    {"fault": "login.slow", "seconds": 3, "jitter": 1},
                ],
            },
        ),
    ),
    "rotate-certificate": Scenario(
        "New connections see a new certificate of the same CA.",
        ({"fault": "tls.rotated"},),
    ),
}


def scenario_of(name: str) -> tuple[RuleFacts, ...]:
    """The rules of this scenario. Raises ConfigError."""
    found = SCENARIOS.get(name)
    if found is None:
        near = get_close_matches(name, SCENARIOS, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(SCENARIOS)}"
        raise ConfigError([f"scenario: there is no {name[:80]!r}; {hint}"])
    return found.rules


def rules_in(tables: object) -> Sequence[RuleFacts]:
    """The rules in what a file holds: a list of them, or a table whose `rules` is one.

    Raises ConfigError where it holds anything else.
    """
    found = tables.get("rules") if isinstance(tables, Mapping) else tables
    rules = found if isinstance(found, list) else []
    if not rules or not all(isinstance(one, Mapping) for one in rules):
        raise ConfigError(
            [
                "scenario: the file must hold rules: in TOML each below its own [[rules]], in JSON"
                ' a list, or {"rules": [...]}'
            ]
        )
    return rules
