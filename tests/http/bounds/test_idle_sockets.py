"""Places are divided by address where there are too few: counts and ages, without sockets."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.http.bounds.admission import TOO_MANY, TOO_MANY_HANDSHAKES, AcceptedSocket
from sessiongate.http.bounds.idle_sockets import PATIENCE, IdleSockets
from tests.http.bounds.test_admission import House

ONE, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "2001:db8::1"


@pytest.mark.parametrize("in_handshake", [True, False])
def test_sec_74_one_address_keeps_nobody_out_however_fast_it_comes(in_handshake: bool) -> None:
    """A thousand silent sockets a second, none of them old, shut out everybody else."""
    house = House(connections=100, handshakes=50)
    most = 50 if in_handshake else 100
    many = [house.admitted(0.0, ONE, in_handshake=in_handshake) for _ in range(most)]
    for _ in range(5):
        house.admitted(0.0, OTHER, in_handshake=in_handshake)
    assert house.closed == many[:5]
    # It gets none of them back, before its own are old.
    again = house.accepted(0.0, ONE, in_handshake=in_handshake)
    assert house.admission.admit(again) == (TOO_MANY_HANDSHAKES if in_handshake else TOO_MANY)
    house.admitted(PATIENCE, ONE, in_handshake=in_handshake)
    assert house.closed == many[:6]


def test_sec_74_handshakes_of_one_address_make_room_for_whoever_has_shaken_hands() -> None:
    house = House(connections=100, handshakes=90)
    many = [house.admitted(0.0, ONE, in_handshake=True) for _ in range(50)]
    for _ in range(50):
        house.admitted(0.0, OTHER)
    house.admitted(0.0, THIRD)
    assert house.closed == many[:1]


def test_sec_74_a_network_of_ipv6_is_one_address() -> None:
    house = House(connections=10)
    many = [house.admitted(0.0, f"2001:db8::{number + 1}") for number in range(10)]
    house.admitted(0.0, ONE)
    assert house.closed == many[:1]


def test_each_connection_of_a_trusted_proxy_counts_by_itself() -> None:
    house = House(connections=10)
    for _ in range(10):
        house.admitted(0.0, "proxy")
    assert house.admission.admit(house.accepted(0.0, ONE)) == TOO_MANY
    house.admitted(PATIENCE, ONE)


def test_equals_take_nothing_from_each_other_at_once() -> None:
    house = House(connections=10)
    ones = [house.admitted(0.0, (ONE, OTHER)[number % 2]) for number in range(10)]
    assert house.admission.admit(house.accepted(0.5, ONE)) == TOO_MANY
    assert house.admission.admit(house.accepted(0.5, OTHER)) == TOO_MANY
    house.admitted(PATIENCE, OTHER)
    assert house.closed == [ones[1]]


STEPS = st.sampled_from(["comes", "asks again", "goes"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 3), st.integers(0, 9)), max_size=60))
def test_a_crowd_knows_who_has_most(steps: list[tuple[str, int, int]]) -> None:
    idle: IdleSockets[AcceptedSocket] = IdleSockets()
    inside: list[AcceptedSocket] = []
    for step, number, which in steps:
        address = f"192.0.2.{number}"
        mine = [one for one in inside if one.address == address]
        if step == "comes":
            inside.append(AcceptedSocket(address, 0.0, lambda: None))
            idle.add(inside[-1])
            idle.add(inside[-1])
        elif mine and step == "goes":
            inside.remove(mine[-1])
            idle.remove(mine[-1])
            idle.remove(mine[-1])
        elif mine:
            again = mine[which % len(mine)]
            inside.remove(again)
            inside.append(again)
            idle.add(again)
        counts = Counter(one.address for one in inside)
        goes = idle.oldest_of_busiest(AcceptedSocket("198.51.100.1", 0.0, lambda: None))
        most = max(counts.values(), default=0)
        if most < 2:
            assert goes is None
        else:
            assert goes is not None
            assert counts[goes.address] == most
            assert goes is next(one for one in inside if one.address == goes.address)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=60))
def test_whoever_asks_again_stands_as_if_it_had_left_first(
    steps: list[tuple[bool, int]],
) -> None:
    sockets = [AcceptedSocket(f"192.0.2.{number % 3}", 0.0, lambda: None) for number in range(8)]
    newcomers = [AcceptedSocket(f"192.0.2.{number}", PATIENCE, lambda: None) for number in range(4)]
    kept: IdleSockets[AcceptedSocket] = IdleSockets()
    moved: IdleSockets[AcceptedSocket] = IdleSockets()
    for comes, number in steps:
        one = sockets[number]
        moved.remove(one)
        if comes:
            kept.add(one)
            moved.add(one)
        else:
            kept.remove(one)
        for each_of in (IdleSockets.oldest_of_busiest, IdleSockets.oldest_overdue):
            assert [each_of(kept, new) for new in newcomers] == [
                each_of(moved, new) for new in newcomers
            ]
