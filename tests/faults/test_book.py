"""Which request meets which fault."""

from datetime import timedelta

import pytest

from sessiongate.errors import ConfigError, NotFound
from sessiongate.faults.book import RuleBook
from sessiongate.faults.reader import read_rule
from sessiongate.faults.rule import RequestFacts, Scope
from sessiongate.testing import T0
from tests.each import each

LOGIN = RequestFacts(
    dialect="soap", operation="Login", login=True, users=("ci",), address="127.0.0.1"
)
CALL = RequestFacts(dialect="soap", operation="CurrentTime", users=("ci",), key="k")


def book_of(*told: dict[str, object], seed: int = 7) -> RuleBook:
    book = RuleBook(seed)
    for one in told:
        book.add(read_rule(one), T0)
    return book


def decided(book: RuleBook, *asked: RequestFacts, seconds: int = 0) -> list[str]:
    now = T0 + timedelta(seconds=seconds)
    hits = [book.decide(one, now) for one in asked]
    return ["" if hit is None else f"{hit.id} {hit.fault}" for hit in hits]


def test_without_rules_nothing_meets_anything() -> None:
    assert decided(RuleBook(1), LOGIN, CALL) == ["", ""]


def test_a_fault_is_about_requests_of_its_scope_alone() -> None:
    book = book_of({"fault": "login.refuse"}, {"fault": "session.expire"})
    assert decided(book, CALL, LOGIN) == ["r2 session.expire", "r1 login.refuse"]


def test_the_first_rule_that_is_about_a_request_decides_of_it() -> None:
    book = book_of({"fault": "login.slow", "skip": 1, "times": 1}, {"fault": "login.refuse"})
    # While it skips, it lets the request go on; once it is over, the second one is asked.
    assert decided(book, LOGIN, LOGIN, LOGIN) == ["", "r1 login.slow", "r2 login.refuse"]


@each(
    ("told", "hits"),
    [
        ({}, "111111"),
        ({"skip": 2}, "001111"),
        ({"times": 3}, "111000"),
        ({"skip": 2, "times": 3}, "001110"),
        ({"every": 2}, "010101"),
        ({"every": 2, "times": 4}, "010100"),
        ({"skip": 1, "every": 3}, "000100"),
    ],
)
def test_which_of_those_that_match_meet_it(told: dict[str, object], hits: str) -> None:
    book = book_of({"fault": "login.refuse", **told})
    assert "".join("1" if one else "0" for one in decided(book, *[LOGIN] * 6)) == hits


def test_a_rule_lasts_for_so_long_by_the_servers_clock() -> None:
    book = book_of({"fault": "login.refuse", "for": "30s"})
    assert decided(book, LOGIN, seconds=29) == ["r1 login.refuse"]
    assert decided(book, LOGIN, seconds=30) == [""]


def test_steps_follow_each_other() -> None:
    book = book_of(
        {
            "fault": "http.status",
            "status": 503,
            "times": 2,
            "then": [{"fault": "login.slow", "for": "10s"}, {"fault": "login.refuse", "times": 1}],
        }
    )
    assert decided(book, LOGIN, LOGIN) == ["r1 http.status"] * 2
    assert decided(book, LOGIN, seconds=9) == ["r1 login.slow"]
    assert decided(book, LOGIN, LOGIN, seconds=10) == ["r1 login.refuse", ""]
    assert book.show("r1", T0).over


def test_a_step_begins_where_the_one_before_was_over_also_when_nobody_came() -> None:
    then = [{"fault": "login.slow", "for": "10s"}, {"fault": "store.down"}]
    book = book_of({"fault": "login.refuse", "for": "10s", "then": then})
    assert decided(book, LOGIN, seconds=25) == ["r1 store.down"]


def test_the_draw_of_a_hit_is_from_0_to_1_however_probable_the_hit() -> None:
    book = book_of({"fault": "login.refuse", "probability": 0.1})
    hits = [hit for _ in range(1000) if (hit := book.decide(LOGIN, T0)) is not None]
    draws = sorted(hit.draw for hit in hits)
    assert 0 <= draws[0] < 0.1
    assert 0.9 < draws[-1] < 1


@each(
    ("when", "fits"),
    [
        ({"dialect": ["soap", "rest"]}, True),
        ({"dialect": "zerto"}, False),
        ({"user": "ci"}, True),
        ({"user": "CI"}, True),
        ({"user": "reader"}, False),
        ({"operation": "Log*"}, True),
        ({"operation": "Logout"}, False),
        ({"address": "127.*"}, True),
        ({"address": "10.*"}, False),
        ({"agent": "govc/*"}, False),
        ({"session": "k"}, False),
        ({"test": "one"}, False),
    ],
)
def test_a_rule_is_about_what_fits_each_list(when: dict[str, object], fits: bool) -> None:
    book = book_of({"fault": "login.refuse", "when": when})
    assert decided(book, LOGIN) == (["r1 login.refuse"] if fits else [""])


def test_agent_session_and_test_are_looked_at() -> None:
    asked = RequestFacts(key="k", agent="govc/0.37", test="one")
    book = book_of({"fault": "store.down", "agent": "govc/*", "session": "k", "test": "o?e"})
    assert decided(book, asked) == ["r1 store.down"]


def test_a_request_is_nothing_to_faults_of_connections_nor_the_other_way() -> None:
    book = book_of({"fault": "conn.refuse"}, {"fault": "store.down"})
    arrived = RequestFacts(arrival=Scope.CONNECTION, address="127.0.0.1")
    assert decided(book, LOGIN, arrived) == ["r2 store.down", "r1 conn.refuse"]


def test_the_same_seed_and_order_give_the_same_hits() -> None:
    rules: tuple[dict[str, object], ...] = (
        {"fault": "login.refuse", "probability": 0.3},
        {"fault": "store.down", "probability": 0.5},
    )
    asked = [LOGIN if number % 3 else CALL for number in range(1000)]
    first = decided(book_of(*rules), *asked)
    assert decided(book_of(*rules), *asked) == first
    assert decided(book_of(*rules, seed=8), *asked) != first
    assert 150 < first.count("r1 login.refuse") < 250  # 0.3 of 667
    assert 120 < first.count("r2 store.down") < 220  # 0.5 of 333


def test_a_rules_draws_are_not_changed_by_other_rules() -> None:
    alone = book_of({"fault": "login.refuse", "probability": 0.5, "id": "mine"})
    beside = book_of(
        {"fault": "session.expire", "probability": 0.5, "times": 900},
        {"fault": "login.refuse", "probability": 0.5, "id": "mine"},
    )
    asked = [LOGIN if number % 2 else CALL for number in range(1000)]
    mine = [one for one, who in zip(decided(alone, *asked), asked, strict=True) if who is LOGIN]
    assert mine == [
        one for one, who in zip(decided(beside, *asked), asked, strict=True) if who is LOGIN
    ]


def test_rules_are_listed_with_their_hits_removed_and_cleared() -> None:
    book = book_of({"fault": "login.refuse", "times": 5}, {"fault": "store.down", "id": "mine"})
    decided(book, LOGIN, CALL, CALL)
    listed = book.list(T0)
    assert [(one.id, one.hits, one.over) for one in listed] == [
        ("r1", 1, False),
        ("mine", 2, False),
    ]
    assert listed[0].rule == {"fault": "login.refuse", "times": 5}
    book.remove("mine")
    assert decided(book, CALL) == [""]
    with pytest.raises(NotFound, match="no rule 'mine'; there are: r1"):
        book.remove("mine")
    assert book.clear() == 1
    assert book.add(read_rule({"fault": "store.down"}), T0) == "r1"


def test_two_rules_have_no_one_id() -> None:
    book = book_of({"fault": "store.down", "id": "mine"})
    with pytest.raises(ConfigError, match="there is a rule 'mine'"):
        book.add(read_rule({"fault": "store.down", "id": "mine"}), T0)
