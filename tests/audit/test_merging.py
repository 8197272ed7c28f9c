"""Which refusals stand alone and which are counted: by address, by session, in bounded tables."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.audit.event import Event
from sessiongate.audit.merging import WINDOW, About, Fate, Merging
from sessiongate.rules.audit_chain import Chain
from sessiongate.session import Person
from sessiongate.testing import T0
from tests.each import each

ONE, OTHER = "192.0.2.7", "198.51.100.9"


def refusal(ip: str = ONE, at: datetime = T0, **facts: Any) -> Event:
    told = {"event": "login refused", "result": "refused", "how": "clone", "reason": "BadTicket"}
    return Event(at=at, ip=ip, **(told | facts))


def judged(
    merging: Merging, event: Event, *, known: bool = False, shown: bool = False, name: str = ""
) -> Fate:
    """What becomes of an event about whom it names, or about `name`."""
    person = Person("local", name or event.user) if known or shown else None
    return merging.judge(event, About(person, shown))


def fates(
    merging: Merging, count: int, *, known: bool = False, shown: bool = False, **facts: Any
) -> list[Fate]:
    return [judged(merging, refusal(**facts), known=known, shown=shown) for _ in range(count)]


def test_the_first_few_of_an_address_stand_alone_and_the_rest_is_one_event() -> None:
    merging = Merging(per_minute=3)
    assert fates(merging, 10) == [Fate.ALONE] * 3 + [Fate.COUNTED] * 7
    ((chain, event),) = merging.rest()
    assert (chain, event.ip, event.merged, event.since) == (Chain.ANONYMOUS, ONE, 6, T0)
    assert event.reason == "BadTicket"


def test_an_address_does_not_spend_what_another_has() -> None:
    merging = Merging(per_minute=3)
    fates(merging, 10)
    assert fates(merging, 3, ip=OTHER) == [Fate.ALONE] * 3


@pytest.mark.parametrize(
    ("ips", "alone"),
    [
        ([f"2001:db8::{number:x}" for number in range(20)], 3),
        ([f"2001:db8:0:{number:x}::1" for number in range(5)], 5),
        ([f"::ffff:192.0.2.{number}" for number in range(5)], 5),
        (["/run/sessiongate.sock"] * 5, 3),
    ],
    ids=["one network of IPv6", "several networks", "IPv4 in IPv6", "a socket's name"],
)
def test_sec_78_an_ipv6_network_is_one_address(ips: list[str], alone: int) -> None:
    merging = Merging(per_minute=3)
    found = [judged(merging, refusal(ip), known=False) for ip in ips]
    assert found.count(Fate.ALONE) == alone


def test_sec_78_all_addresses_together_have_a_bound_and_so_has_the_memory() -> None:
    merging = Merging(per_minute=3)
    found = [
        judged(
            merging, refusal(f"2001:db8:{high:x}:{low:x}::1", how=f"token {low % 2}"), known=False
        )
        for high in range(40)
        for low in range(500)
    ]
    assert found.count(Fate.ALONE) == 15
    told = merging.rest()
    # All that came too late for an address of its own: one event for each kind.
    assert len(told) == 2
    assert sum(event.merged + 1 for _, event in told) == 20_000 - 15
    assert {event.ip for _, event in told} == {""}


def test_kinds_are_counted_apart_and_facts_that_differ_are_left_out() -> None:
    merging = Merging(per_minute=1)
    judged(merging, refusal(), known=False)
    for number in range(4):
        judged(merging, refusal(user=f"user{number}", agent="curl"), known=False)
        judged(merging, refusal(how="login", user="same", detail="d"), known=False)
    told = {event.how: event for _, event in merging.rest()}
    assert (told["clone"].user, told["clone"].agent, told["clone"].merged) == ("", "curl", 3)
    assert (told["login"].user, told["login"].detail, told["login"].ip) == ("same", "d", ONE)


def test_sec_78_who_exists_is_never_merged_with_others() -> None:
    merging = Merging(per_minute=2)
    fates(merging, 2)  # a stranger has spent all that this address has
    found = [
        judged(merging, refusal(user=name), known=True) for name in ("ada", "ada", "bob", "ada")
    ]
    assert found == [Fate.NOTED, Fate.COUNTED, Fate.NOTED, Fate.COUNTED]
    ((chain, event),) = merging.rest()
    assert (chain, event.user, event.merged) == (Chain.DECISIONS, "ada", 1)


def test_sec_24_a_name_that_exists_stands_alone_as_often_as_one_that_does_not() -> None:
    """Whoever stands alone waits for the disk, which can be seen from outside."""
    alone = []
    for known in (True, False):
        merging = Merging(per_minute=5)
        alone.append(
            [judged(merging, refusal(user="ada"), known=known) is Fate.ALONE for _ in range(20)]
        )
    assert alone[0] == alone[1]


def test_sec_78_who_is_denied_over_and_over_is_one_person_in_however_many_sessions() -> None:
    merging = Merging(per_minute=2)
    facts: dict[str, Any] = {"event": "permission denied", "user": "bob", "reason": "X", "how": ""}
    found = [
        fates(merging, 1, shown=True, key=key, **facts)[0] for key in ("k1", "k2", "k3", "k4", "k4")
    ]
    assert found == [Fate.ALONE, Fate.ALONE, Fate.NOTED, Fate.COUNTED, Fate.COUNTED]
    facts["user"] = "ada"
    assert fates(merging, 1, shown=True, key="k5", **facts) == [Fate.ALONE]
    # A caller spends nothing of what strangers at the same address have.
    assert fates(merging, 2) == [Fate.ALONE] * 2
    ((_, event),) = merging.rest()
    assert (event.key, event.user, event.merged) == ("k4", "bob", 1)


def opening(user: str, event: str = "session opened", **facts: Any) -> tuple[Event, Person]:
    told: dict[str, Any] = {"event": event, "result": "ok", "reason": "", "how": "login"}
    return refusal(user=user, **(told | facts)), Person("local", user)


def test_sec_78_sessions_stand_alone_up_to_a_number_of_each_person_and_sort() -> None:
    merging = Merging(per_minute=1, sessions_per_minute=3)
    judge = merging.judge_session
    for event in ("session opened", "session ended"):
        for user in ("ada", "bob"):
            found = [judge(*opening(user, event, key=f"k{number}")) for number in range(5)]
            assert found == [Fate.ALONE] * 3 + [Fate.COUNTED] * 2
    told = merging.rest()
    assert [(chain, one.event, one.user, one.key, one.merged) for chain, one in told] == [
        (Chain.DECISIONS, event, user, "", 1)
        for event in ("session opened", "session ended")
        for user in ("ada", "bob")
    ]
    assert judge(*opening("ada")) is Fate.ALONE
    halves = Merging(per_minute=1, sessions_per_minute=4, processes=2)
    found = [halves.judge_session(*opening("ada")) for _ in range(3)]
    assert found == [Fate.ALONE, Fate.ALONE, Fate.COUNTED]


def test_sec_78_so_many_people_are_no_flood_and_nobody_is_left_out_of_the_count() -> None:
    merging = Merging(per_minute=1, sessions_per_minute=1)
    people = [f"user{number}" for number in range(25_000)]
    assert {merging.judge_session(*opening(name)) for name in people} == {Fate.ALONE}
    found = [merging.judge_session(*opening(name)) for name in people]
    assert found.count(Fate.ALONE) == 5_000
    told = merging.rest()
    assert len(told) <= 2_001
    assert sum(one.merged + 1 for _, one in told) == 20_000


def test_more_kinds_than_there_is_room_for_are_counted_without_names() -> None:
    merging = Merging(per_minute=1)
    judged(merging, refusal(), known=False)
    for number in range(5_000):
        judged(merging, refusal(user=f"user{number}"), shown=True)
        judged(merging, refusal(user=f"user{number}"), shown=True)
    told = merging.rest()
    assert len(told) <= 2_001
    assert sum(event.merged + 1 for _, event in told) == 5_000 + 3_000


def test_many_callers_have_a_bound_too() -> None:
    merging = Merging(per_minute=1)
    for number in range(5_000):
        judged(merging, refusal(key=f"key{number}", user=f"user{number}"), shown=True)
    told = merging.rest()
    assert [(chain, one.user, one.key) for chain, one in told] == [(Chain.DECISIONS, "", "")]
    assert told[0][1].merged == 5_000 - 2_000 - 2_000 - 1


def test_nothing_is_due_before_the_minute_is_over_and_then_it_begins_anew() -> None:
    merging = Merging(per_minute=1)
    fates(merging, 3)
    assert merging.due(T0 + WINDOW - timedelta(microseconds=1)) == []
    later = T0 + WINDOW
    ((_, event),) = merging.due(later)
    assert (event.merged, event.since, event.at) == (1, T0, T0)
    assert merging.due(later) == []
    assert fates(merging, 2, at=later) == [Fate.ALONE, Fate.COUNTED]


def test_a_refusal_that_was_counted_alone_is_an_event_like_any_other() -> None:
    merging = Merging(per_minute=1)
    fates(merging, 2)
    ((_, event),) = merging.rest()
    assert (event.merged, event.since) == (0, None)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ONE, OTHER, "2001:db8::1", ""]),
            st.sampled_from(["", "ada", "bob"]),
            st.booleans(),
            st.integers(0, 90),
        ),
        max_size=200,
    )
)
def test_sec_78_no_refusal_is_lost_whatever_comes(
    tries: list[tuple[str, str, bool, int]],
) -> None:
    """Each is an event of its own, or stands in the number of one."""
    merging = Merging(per_minute=2)
    at, events, stood = T0, 0, 0
    for ip, user, known, seconds in tries:
        at += timedelta(seconds=seconds)
        for _, event in merging.due(at):
            stood += 1 + event.merged
        fate = judged(merging, refusal(ip, at, user=user), known=known)
        events += fate is not Fate.COUNTED
    stood += sum(1 + event.merged for _, event in merging.rest())
    assert events + stood == len(tries)


# Requirement 78, whatever strangers vary: names, spellings, addresses, dialects, agents, causes.

VARIED: dict[str, Callable[[int], tuple[Event, str]]] = {
    "spellings": lambda n: (refusal(user="a" + "\u00ad" * n + "da"), "ada"),
    "marks on letters": lambda n: (refusal(user="x"), "".join(_accented("abcdefgh", n))),
    "names that exist": lambda n: (refusal(), f"user{n}"),
    "names and addresses": lambda n: (refusal(f"198.51.{n % 256}.{n // 256}"), f"user{n % 50}"),
    "dialects": lambda n: (refusal(user="ada", dialect=f"dialect {n}"), "ada"),
    "agents": lambda n: (refusal(user="ada", agent=f"agent {n}"), "ada"),
    "causes": lambda n: (refusal(user="ada", reason=f"Reason{n}"), "ada"),
    "ways in": lambda n: (refusal(user="ada", how=f"token {n}"), "ada"),
    "texts": lambda n: (refusal(user="ada", detail=f"text {n}"), "ada"),
    "all at once": lambda n: (
        refusal(
            f"2001:db8:{n:x}::1",
            dialect=f"dialect {n % 7}",
            agent=f"agent {n}",
            reason=f"Reason{n % 11}",
            how=f"way {n % 5}",
        ),
        f"user{n % 301}",
    ),
}


def _accented(letters: str, number: int) -> Iterator[str]:
    for place, letter in enumerate(letters):
        yield letter + "\u0301" * (number >> place & 1)


@each("known", [True, False], ids=["somebody who exists", "nobody"])
@each("varied", VARIED)
def test_sec_78_whatever_strangers_vary_a_minute_has_a_bound(varied: str, known: bool) -> None:
    merging = Merging(per_minute=20)
    found = []
    for number in range(5_000):
        event, name = VARIED[varied](number)
        found.append(judged(merging, event, known=known, name=name))
    told = merging.rest()
    assert found.count(Fate.ALONE) <= 5 * 20
    assert found.count(Fate.NOTED) <= (20 if known else 0)
    assert len(told) <= 20 + 1
    counted = sum(1 + event.merged for _, event in told)
    assert len(found) - found.count(Fate.COUNTED) + counted == 5_000


@pytest.mark.parametrize("varied", ["spellings", "marks on letters", "dialects", "agents", "texts"])
def test_sec_78_one_person_is_one_kind_however_written(varied: str) -> None:
    merging = Merging(per_minute=20)
    found = []
    for number in range(256):
        event, name = VARIED[varied](number)
        found.append(judged(merging, event, known=True, name=name))
    assert found.count(Fate.NOTED) == 1
    ((_, event),) = merging.rest()
    assert (event.merged, event.provider) == (256 - 20 - 1 - 1, "local")


def test_sec_78_a_merged_event_says_the_canonical_name() -> None:
    merging = Merging(per_minute=1)
    for typed in ("ada", "ADA", "a\u00adda", "ada\u200b", "ＡＤＡ"):
        judged(merging, refusal(user=typed), known=True, name="ada")
    ((_, event),) = merging.rest()
    assert (event.user, event.provider, event.merged) == ("ada", "local", 2)


def test_sec_78_strangers_never_use_up_the_events_of_who_has_shown_an_identity() -> None:
    merging = Merging(per_minute=20)
    for number in range(5_000):
        event, name = VARIED["all at once"](number)
        judged(merging, event, known=True, name=name)
        judged(merging, event)
    late = [judged(merging, refusal(user="nil"), shown=True) for _ in range(3)]
    assert late == [Fate.NOTED, Fate.COUNTED, Fate.COUNTED]
    assert [one.merged for _, one in merging.rest() if one.user == "nil"] == [1]


def test_sec_78_those_of_nobody_never_use_up_the_events_of_who_exists() -> None:
    merging = Merging(per_minute=20)
    for number in range(5_000):
        judged(merging, VARIED["all at once"](number)[0])
    assert judged(merging, refusal(user="ada"), known=True) is Fate.NOTED


def test_sec_78_processes_of_one_server_share_what_strangers_have() -> None:
    alone = noted = 0
    for _ in range(4):
        merging = Merging(per_minute=20, processes=4)
        found = []
        for number in range(1_000):
            event, name = VARIED["all at once"](number)
            found.append(judged(merging, event, known=True, name=name))
        alone, noted = alone + found.count(Fate.ALONE), noted + found.count(Fate.NOTED)
    assert (alone, noted) == (5 * 20, 20)


def test_the_same_name_at_two_providers_is_two_people() -> None:
    merging = Merging(per_minute=2)
    fates(merging, 2)
    found = [
        merging.judge(refusal(user="ada"), About(Person(provider, "ada")))
        for provider in ("local", "corp", "local")
    ]
    assert found == [Fate.NOTED, Fate.NOTED, Fate.COUNTED]
