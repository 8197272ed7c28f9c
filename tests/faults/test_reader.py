"""Rules as they are written, and what is wrong with some."""

from datetime import timedelta

import pytest

from sessiongate.errors import ConfigError
from sessiongate.faults.catalogue import FAULTS
from sessiongate.faults.reader import read_rule, read_words
from sessiongate.faults.rule import Counts, Scope, When
from tests.each import each


def test_the_form_of_the_specification_is_read() -> None:
    rule = read_rule(
        {
            "id": "r1",
            "fault": "cap.reached",
            "body": "vendor",
            "when": {
                "dialect": ["soap", "rest"],
                "user": "ci",
                "operation": "Login",
                "agent": "govc/*",
                "session": "key",
            },
            "skip": 2,
            "times": 3,
            "every": 1,
            "probability": 1.0,
            "for": "30s",
            "args": {},
        }
    )
    (step,) = rule.steps
    assert rule.id == "r1"
    assert (step.fault, step.args) == ("cap.reached", {"body": "vendor", "profile": "vc8"})
    assert step.when == When(
        dialect=("soap", "rest"),
        user=("ci",),
        operation=("Login",),
        agent=("govc/*",),
        session=("key",),
    )
    assert step.counts == Counts(skip=2, times=3, lasts=timedelta(seconds=30))


def test_python_and_words_say_the_same() -> None:
    by_keywords: dict[str, object] = {
        "fault": "login.refuse",
        "as_": "LockedOut",
        "for_": timedelta(seconds=30),
        "dialect": "soap",
    }
    words = ["login.refuse", "as=LockedOut", "for=30s", "dialect=soap"]
    assert read_rule(by_keywords) == read_rule(read_words(words))
    assert read_words(['{"fault": "store.down"}']) == {"fault": "store.down"}


def test_spans_of_python_are_those_of_words() -> None:
    following: dict[str, object] = {"fault": "store.down", "for_": timedelta(seconds=2)}
    rule = read_rule({"fault": "clock.skew", "by": timedelta(hours=-1), "then": [following]})
    assert rule.steps[0].args == {"by": timedelta(hours=-1)}
    assert rule.steps[1].counts.lasts == timedelta(seconds=2)
    told = {"fault": "clock.skew", "by": "-1h", "then": [{"fault": "store.down", "for": "2s"}]}
    assert rule.told == told
    with pytest.raises(ConfigError, match="must not exceed 36500 days"):
        read_rule({"fault": "clock.skew", "by": timedelta(days=-40_000)})


def test_a_session_is_ended_once_unless_told_otherwise() -> None:
    assert read_rule({"fault": "session.expire"}).steps[0].counts.times == 1
    assert read_rule({"fault": "session.expire", "times": 4}).steps[0].counts.times == 4
    assert read_rule({"fault": "login.refuse"}).steps[0].counts.times is None


def test_the_steps_that_follow_are_about_the_same_requests() -> None:
    rule = read_rule(
        {
            "fault": "store.down",
            "user": "ci",
            "then": [{"fault": "reply.slow"}, {"fault": "reply.slow", "user": "reader"}],
        }
    )
    assert [step.when.user for step in rule.steps] == [("ci",), ("ci",), ("reader",)]


def test_a_rule_that_is_nested_without_end_is_refused() -> None:
    value: object = []
    for _ in range(2000):  # on each Python more than it goes into
        value = [value]
    with pytest.raises(ConfigError, match="nested too deeply"):
        read_rule({"fault": "store.down", "then": value})


@each(
    ("told", "problem"),
    [
        ({}, "fault: must be given, as in .*; there are: session.expire"),
        ({"name": "login.slow"}, "fault: must be given"),
        ({"fault": "login.slow", "seconds": 10**400}, "must be from 0 to 3600 seconds"),
        ({"fault": "login.slow", "probability": 10**400}, "must be a number above 0"),
        ({"fault": "cap.reachd"}, "there is no 'cap.reachd'; did you mean cap.reached?"),
        ({"fault": "xyzzy"}, "there are: session.expire, session.terminate"),
        ({"fault": "login.slow", "secnds": 3}, "login.slow.secnds: .* did you mean seconds?"),
        ({"fault": "login.slow", "seconds": "long"}, "login.slow.seconds: must be a duration"),
        ({"fault": "login.slow", "seconds": "²"}, "login.slow.seconds: must be a duration"),
        ({"fault": "login.slow", "seconds": -1}, "login.slow.seconds: must be from 0"),
        ({"fault": "login.refuse", "as": "Bad"}, "login.refuse.as: must be one of BadCredentials"),
        ({"fault": "http.status"}, "http.status.status: must be given"),
        ({"fault": "http.status", "status": 200}, "http.status.status: must be a whole number"),
        ({"fault": "store.down", "when": {"usr": "ci"}}, "when.usr: .* did you mean user?"),
        ({"fault": "store.down", "dialect": "saop"}, "^dialect: saop: .* did you mean soap?"),
        (
            {"fault": "store.down", "when": {"dialect": "saop"}},
            "^when.dialect: saop: .* did you mean soap?",
        ),
        ({"fault": "store.down", "when": "ci"}, "when, args: must be tables"),
        ({"fault": "store.down", "skip": -1}, "skip: must be a whole number"),
        ({"fault": "store.down", "times": 0}, "times: must be a whole number"),
        ({"fault": "store.down", "probability": 0}, "probability: must be a number above 0"),
        ({"fault": "store.down", "probability": 1.1}, "probability: must be a number above 0"),
        ({"fault": "store.down", "for": "soon"}, "for: must be a duration"),
        ({"fault": "store.down", "id": "a b"}, "id: must be at most 64"),
        ({"fault": "store.down", "id": 0}, "id: must be at most 64"),
        ({"fault": "store.down", "id": []}, "id: must be at most 64"),
        ({"fault": "store.down", "user": ""}, "^user: names nobody and nothing; leave it out"),
        ({"fault": "store.down", "when": {"agent": []}}, "^when.agent: names nobody and nothing"),
        ({"fault": "store.down", "then": {}}, "then: must be a list"),
        ({"fault": "store.down", "then": [{"fault": "x"}]}, "then 1: fault: there is no 'x'"),
        ({"fault": "store.down", "then": [{"id": "x"}]}, "then 1: must be a rule without id"),
        ({"fault": "conn.refuse", "user": "ci"}, "of a connection only the address is known"),
        (
            {"fault": "conn.refuse", "then": [{"fault": "store.down"}]},
            "faults of connections and of requests are for two rules",
        ),
        ({"fault": "upstream.down"}, "fault: upstream.down is not available"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_way_out(told: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_rule(told)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as found:
        read_rule({"fault": "store.down", "skip": -1, "for": "x", "usr": 1})
    assert len(found.value.problems) == 3


def test_words_that_say_nothing_are_refused() -> None:
    for words in ([], ["store.down", "times"], ["{"]):
        with pytest.raises(ConfigError, match="fault: "):
            read_words(words)


def test_a_connection_is_what_is_cut_at_once() -> None:
    assert read_rule({"fault": "conn.reset"}).steps[0].scope is Scope.ANY
    assert read_rule({"fault": "conn.reset", "at": "accept"}).steps[0].scope is Scope.CONNECTION


@each("name", list(FAULTS))
def test_faults_of_an_upstream_are_for_gateways(name: str) -> None:
    needed: dict[str, object] = {
        "http.status": {"status": 503},
        "version.is": {"version": "9.0.0.0"},
        "clock.advance": {"by": "31m"},
        "clock.skew": {"by": "-5m"},
    }
    told = {"fault": name, "args": needed.get(name, {})}
    if FAULTS[name].of_upstream:
        with pytest.raises(ConfigError, match=r"not available.*no upstream.*--upstream"):
            read_rule(told)
        with pytest.raises(ConfigError, match="not available"):
            read_rule({"fault": "store.down", "then": [told]})
    else:
        assert read_rule(told).steps[0].fault == name
    assert read_rule(told, gateway=True).steps[0].fault == name


@each("none", ["", None])
def test_an_id_that_is_left_open_is_none(none: object) -> None:
    assert read_rule({"fault": "store.down", "id": none}).id == ""
