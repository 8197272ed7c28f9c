"""Clients ranked by what they never log out."""

from datetime import timedelta

from sessiongate.rules.leaks import (
    NOT_LOGGED_OUT,
    OTHERS,
    ClientName,
    LeakTally,
    client_of,
    shares_by_person,
    totals,
)
from sessiongate.session import Ended, Person
from sessiongate.testing import T0


def named(user: str, agent: str = "tool/1.0", address: str = "192.0.2.1") -> ClientName:
    return client_of("local", user, agent, address)


def test_who_leaves_most_comes_first_with_its_figures() -> None:
    tally = LeakTally()
    for client, opened, out, idle in ((named("a"), 5, 5, 0), (named("b"), 9, 1, 6)):
        tally.opened(client, opened)
        tally.ended(client, Ended.LOGOUT, out)
        tally.ended(client, Ended.IDLE, idle)
    tally.ended(named("b"), Ended.AGED)
    tally.ended(named("b"), Ended.TERMINATED)
    tally.ended(named("b"), Ended.USER_CHANGED, 2)
    tally.lives(named("b"), T0)
    tally.lives(named("b"), T0 - timedelta(hours=1))
    first, second = tally.ranked()
    assert (first.user, first.agent, first.address) == ("b", "tool", "192.0.2.1")
    assert (first.opened, first.logged_out, first.not_logged_out) == (9, 1, 8)
    assert (first.idled_out, first.aged_out, first.terminated, first.ended_otherwise) == (
        6,
        1,
        1,
        2,
    )
    assert (first.live, first.oldest) == (2, T0 - timedelta(hours=1))
    assert first.share == 8 / 9
    assert (second.user, second.share, second.live, second.oldest) == ("a", 0, 0, None)
    assert totals([first, second]) == (8, 1)


def test_versions_are_one_client_and_addresses_and_programs_are_several() -> None:
    tally = LeakTally()
    for agent in ("tool/1.0", "tool/1.1"):
        tally.opened(named("a", agent))
    tally.opened(named("a", "other/1"))
    tally.opened(named("a", address="192.0.2.2"))
    tally.opened(client_of("elsewhere", "a", "tool/1.0", "192.0.2.1"))
    assert sorted(row.opened for row in tally.ranked()) == [1, 1, 1, 2]


def test_before_anything_has_ended_who_holds_most_comes_first() -> None:
    tally = LeakTally()
    for user, count in (("a", 1), ("b", 3), ("c", 2)):
        for _ in range(count):
            tally.lives(named(user), T0)
    assert [row.user for row in tally.ranked()] == ["b", "c", "a"]
    assert {row.share for row in tally.ranked()} == {None}


def test_an_opening_that_found_no_place_is_taken_back() -> None:
    tally = LeakTally()
    tally.opened(named("a"))
    tally.opened(named("a"), -1)
    tally.opened(named("b"), -1)  # its opening was before the time that is looked at
    assert [row.opened for row in tally.ranked()] == [0, 0]


def test_what_no_client_can_help_is_not_held_against_it() -> None:
    tally = LeakTally()
    for reason in set(Ended) - NOT_LOGGED_OUT - {Ended.LOGOUT}:
        tally.ended(named("a"), reason)
    tally.ended(named("a"), None)
    (row,) = tally.ranked()
    assert (row.not_logged_out, row.share) == (0, None)
    assert row.ended_otherwise == len(Ended) - len(NOT_LOGGED_OUT)


def test_clients_beyond_the_bound_are_one_row() -> None:
    tally = LeakTally(most=3)
    for number in range(10):
        tally.ended(named(f"u{number}"), Ended.IDLE)
    rows = tally.ranked()
    assert len(rows) == 4
    assert (rows[0].user, rows[0].idled_out) == (OTHERS.user, 7)


def test_where_nobody_was_asked_what_lives_is_not_known() -> None:
    tally = LeakTally()
    tally.live_known = False
    tally.opened(named("a"))
    assert tally.ranked()[0].live is None


def test_logins_that_the_gateway_saved_stand_with_their_client() -> None:
    tally = LeakTally()
    tally.opened(named("a"))
    tally.saved({named("a"): 4, named("gone"): 2})
    assert [(row.user, row.saved) for row in tally.ranked()] == [("a", 4)]


def test_the_share_of_a_person_is_of_all_programs_and_addresses() -> None:
    tally = LeakTally()
    for client, out, idle in (
        (named("a"), 3, 0),
        (named("a", "other/1"), 0, 1),
        (named("b"), 0, 2),
    ):
        tally.ended(client, Ended.LOGOUT, out)
        tally.ended(client, Ended.IDLE, idle)
    tally.opened(named("c"))
    assert shares_by_person(tally.ranked()) == {
        Person("local", "a"): 0.25,
        Person("local", "b"): 1.0,
    }
