"""Which refusals stand alone and which are counted: by address, by session, in bounded tables."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.chain import Chain
from sessiongate.service.audit import Event
from sessiongate.service.merging import WINDOW, Fate, Merging
from sessiongate.testing import T0

ONE, OTHER = "192.0.2.7", "198.51.100.9"


def refusal(ip: str = ONE, at: datetime = T0, **facts: Any) -> Event:
    told = {"event": "login refused", "result": "refused", "how": "clone", "reason": "BadTicket"}
    return Event(at=at, ip=ip, **(told | facts))


def fates(merging: Merging, count: int, *, known: bool = False, **facts: Any) -> list[Fate]:
    return [merging.judge(refusal(**facts), known=known) for _ in range(count)]


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
    found = [merging.judge(refusal(ip), known=False) for ip in ips]
    assert found.count(Fate.ALONE) == alone


def test_sec_78_all_addresses_together_have_a_bound_and_so_has_the_memory() -> None:
    merging = Merging(per_minute=3)
    found = [
        merging.judge(refusal(f"2001:db8:{high:x}:{low:x}::1", how=f"token {low % 7}"), known=False)
        for high in range(40)
        for low in range(500)
    ]
    assert found.count(Fate.ALONE) == 15
    told = merging.rest()
    # All that came too late for an address of its own: one event for each kind.
    assert len(told) == 7
    assert sum(event.merged + 1 for _, event in told) == 20_000 - 15
    assert {event.ip for _, event in told} == {""}


def test_kinds_are_counted_apart_and_facts_that_differ_are_left_out() -> None:
    merging = Merging(per_minute=1)
    merging.judge(refusal(), known=False)
    for number in range(4):
        merging.judge(refusal(user=f"user{number}", agent="curl"), known=False)
        merging.judge(refusal(how="login", user="same", detail="d"), known=False)
    told = {event.how: event for _, event in merging.rest()}
    assert (told["clone"].user, told["clone"].agent, told["clone"].merged) == ("", "curl", 3)
    assert (told["login"].user, told["login"].detail, told["login"].ip) == ("same", "d", ONE)


def test_sec_78_who_exists_is_never_merged_with_others() -> None:
    merging = Merging(per_minute=1)
    merging.judge(refusal(), known=False)  # a stranger has spent all that this address has
    found = [merging.judge(refusal(user=name), known=True) for name in ("ada", "ada", "bob", "ada")]
    assert found == [Fate.NOTED, Fate.COUNTED, Fate.NOTED, Fate.COUNTED]
    ((chain, event),) = merging.rest()
    assert (chain, event.user, event.merged) == (Chain.DECISIONS, "ada", 1)


def test_sec_24_a_name_that_exists_stands_alone_as_often_as_one_that_does_not() -> None:
    """Whoever stands alone waits for the disk, which can be seen from outside."""
    alone = []
    for known in (True, False):
        merging = Merging(per_minute=5)
        alone.append(
            [merging.judge(refusal(user="ada"), known=known) is Fate.ALONE for _ in range(20)]
        )
    assert alone[0] == alone[1]


def test_a_session_that_is_denied_over_and_over_is_counted_by_its_key() -> None:
    merging = Merging(per_minute=2)
    facts: dict[str, Any] = {"event": "permission denied", "user": "bob", "reason": "X", "how": ""}
    assert fates(merging, 6, known=True, key="k1", **facts) == [
        *(Fate.ALONE, Fate.ALONE, Fate.NOTED),
        *([Fate.COUNTED] * 3),
    ]
    assert fates(merging, 1, known=True, key="k2", **facts) == [Fate.ALONE]
    # A session spends nothing of what strangers at the same address have.
    assert fates(merging, 2) == [Fate.ALONE] * 2
    ((_, event),) = merging.rest()
    assert (event.key, event.user, event.merged) == ("k1", "bob", 2)


def test_more_kinds_than_there_is_room_for_are_counted_without_names() -> None:
    merging = Merging(per_minute=1)
    merging.judge(refusal(), known=False)
    for number in range(5_000):
        merging.judge(refusal(user=f"user{number}"), known=True)
        merging.judge(refusal(user=f"user{number}"), known=True)
    told = merging.rest()
    assert len(told) <= 2_001
    assert sum(event.merged + 1 for _, event in told) == 5_000 + 3_000


def test_many_sessions_have_a_bound_too() -> None:
    merging = Merging(per_minute=1)
    for number in range(3_000):
        merging.judge(refusal(key=f"key{number}", user="bob"), known=True)
    ((chain, event),) = merging.rest()
    assert (chain, event.user, event.key) == (Chain.DECISIONS, "bob", "")
    assert event.merged == 3_000 - 2_000 - 1 - 1


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
        fate = merging.judge(refusal(ip, at, user=user), known=known)
        events += fate is not Fate.COUNTED
    stood += sum(1 + event.merged for _, event in merging.rest())
    assert events + stood == len(tries)
