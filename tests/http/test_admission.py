"""Who is let in, and who goes in favour of somebody else: counts and ages, without sockets."""

from typing import Any

from sessiongate.http.admission import (
    MADE_ROOM,
    PATIENCE,
    TOO_MANY,
    TOO_MANY_HANDSHAKES,
    TOO_MANY_OF_ADDRESS,
    Crowd,
    Guest,
)
from sessiongate.http.limits import HttpLimits

LATER = 2 * PATIENCE


class House:
    """A crowd, and who was closed by it."""

    def __init__(self, **limits: Any) -> None:
        self.crowd = Crowd(HttpLimits(**limits), exempt=lambda address: address == "proxy")
        self.closed: list[Guest] = []

    def guest(self, at: float = 0.0, address: str = "", *, in_handshake: bool = False) -> Guest:
        guest = Guest(address, at, lambda: self.closed.append(guest), in_handshake=in_handshake)
        return guest

    def admitted(self, at: float = 0.0, address: str = "", *, in_handshake: bool = False) -> Guest:
        guest = self.guest(at, address, in_handshake=in_handshake)
        assert self.crowd.admit(guest) is None
        return guest


def test_sec_74_everybody_counts_until_he_leaves_and_leaves_once() -> None:
    house = House(connections=2)
    one, _ = house.admitted(), house.admitted(in_handshake=True)
    assert (house.crowd.inside, house.crowd.handshakes) == (2, 1)
    assert house.crowd.admit(house.guest()) == TOO_MANY
    house.crowd.leave(one)
    house.crowd.leave(one)
    assert house.crowd.inside == 1
    house.admitted()
    assert house.closed == []


def test_sec_74_who_was_not_let_in_does_not_count_and_cannot_leave() -> None:
    house = House(connections=1)
    house.admitted()
    refused = house.guest()
    assert house.crowd.admit(refused) == TOO_MANY
    house.crowd.leave(refused)
    assert house.crowd.inside == 1


def test_sec_74_handshakes_have_a_cap_of_their_own() -> None:
    house = House(connections=100, handshakes=3)
    shaking = [house.admitted(in_handshake=True) for _ in range(3)]
    assert house.crowd.admit(house.guest(in_handshake=True)) == TOO_MANY_HANDSHAKES
    house.admitted()  # without TLS
    house.crowd.shaken(shaking[0], 0.0)
    house.admitted(in_handshake=True)
    assert (house.crowd.inside, house.crowd.handshakes) == (5, 3)


def test_sec_74_handshakes_never_take_all_places() -> None:
    house = House(connections=10, handshakes=1000)
    for _ in range(5):
        house.admitted(in_handshake=True)
    assert house.crowd.admit(house.guest(in_handshake=True)) == TOO_MANY_HANDSHAKES


def test_sec_74_the_oldest_that_said_nothing_makes_room() -> None:
    house = House(connections=4, handshakes=2)
    first, second = (house.admitted(at, in_handshake=True) for at in (0.0, 0.1))
    soon = house.guest(PATIENCE - 0.01, in_handshake=True)
    assert house.crowd.admit(soon) == TOO_MANY_HANDSHAKES
    house.admitted(LATER, in_handshake=True)
    assert house.closed == [first]
    house.admitted(LATER, in_handshake=True)
    assert house.closed == [first, second]
    assert house.crowd.handshakes == 2
    assert house.crowd.refusals == {MADE_ROOM: 2}


def test_sec_74_who_has_spoken_never_makes_room() -> None:
    house = House(connections=2)
    house.crowd.spoken(house.admitted())
    silent = house.admitted()
    house.admitted(LATER)
    assert house.closed == [silent]
    assert house.crowd.admit(house.guest(LATER)) == TOO_MANY
    assert house.closed == [silent]


def test_sec_74_after_the_handshake_there_is_time_again() -> None:
    house = House(connections=2)
    slow = house.admitted(0.0, in_handshake=True)
    house.admitted(LATER)
    house.crowd.shaken(slow, LATER)
    assert house.crowd.admit(house.guest(LATER)) == TOO_MANY
    assert house.closed == []


def test_sec_74_one_address_has_a_cap_where_there_is_one() -> None:
    house = House(connections_per_address=2)
    one = house.admitted(address="a")
    house.admitted(address="a", in_handshake=True)
    for later in (0.0, LATER):
        assert house.crowd.admit(house.guest(later, "a")) == TOO_MANY_OF_ADDRESS
    house.admitted(address="b")
    for _ in range(5):
        house.admitted(address="proxy")
        house.admitted(address="")  # by a Unix socket
    house.crowd.leave(one)
    house.admitted(address="a")
    free = House()
    for _ in range(50):
        free.admitted(address="a")


def test_sec_74_an_ipv6_network_is_one_address() -> None:
    """Whoever has one IPv6 address has 2^64 of them."""
    house = House(connections_per_address=2)
    house.crowd.exempt = lambda address: address == "2001:db8::9"
    one = house.admitted(address="2001:db8::1")
    house.admitted(address="2001:db8::2", in_handshake=True)
    assert house.crowd.admit(house.guest(address="2001:db8::3")) == TOO_MANY_OF_ADDRESS
    house.admitted(address="2001:db8:0:1::3")
    house.admitted(address="2001:db8::9")
    house.crowd.leave(one)
    assert house.crowd.admit(house.guest(address="2001:db8::4")) == TOO_MANY_OF_ADDRESS
    for number in range(2):
        house.admitted(address=f"192.0.2.{number}")
        house.admitted(address=f"192.0.2.{number}")
    assert house.crowd.admit(house.guest(address="192.0.2.1")) == TOO_MANY_OF_ADDRESS


def test_sec_74_nobody_goes_in_favour_of_somebody_who_is_refused() -> None:
    house = House(connections=4, handshakes=2)
    for _ in range(2):
        house.admitted(0.0)
    for _ in range(2):
        house.admitted(LATER, in_handshake=True)
    newcomer = house.guest(LATER, in_handshake=True)
    assert house.crowd.admit(newcomer) == TOO_MANY_HANDSHAKES
    assert house.closed == []
    assert house.crowd.refusals == {}
    of_address = House(connections=2, connections_per_address=1)
    of_address.admitted(0.0, "a")
    of_address.admitted(0.0, "b")
    assert of_address.crowd.admit(of_address.guest(LATER, "a")) == TOO_MANY_OF_ADDRESS
    assert of_address.closed == []


def test_sec_74_one_newcomer_takes_one_place() -> None:
    house = House(connections=4, handshakes=2)
    first, _ = house.admitted(0.0), house.admitted(0.0)
    shaking = [house.admitted(0.0, in_handshake=True) for _ in range(2)]
    house.admitted(LATER, in_handshake=True)
    assert house.closed == shaking[:1]
    house.crowd.limits = HttpLimits(connections=2, handshakes=1)
    house.admitted(LATER, in_handshake=True)
    assert house.closed == shaking
    house.admitted(LATER + LATER)
    assert first not in house.closed
    assert house.crowd.inside == 4


def test_sec_74_between_requests_the_longest_idle_makes_room() -> None:
    house = House(connections=3)
    busy, early, late = (house.admitted() for _ in range(3))
    for guest in (busy, early, late):
        house.crowd.spoken(guest)
    assert house.crowd.admit(house.guest(LATER)) == TOO_MANY
    house.crowd.waits(early, 10.0)
    house.crowd.waits(late, 10.1)
    assert house.crowd.admit(house.guest(10.0 + PATIENCE / 2)) == TOO_MANY
    house.admitted(10.0 + LATER)
    assert house.closed == [early]
    house.crowd.spoken(late)
    assert house.crowd.admit(house.guest(10.0 + LATER)) == TOO_MANY
    # Whoever was let go is not inside again by the end of his request.
    house.crowd.waits(early, 20.0)
    house.crowd.waits(late, 20.1)
    house.admitted(20.0 + LATER)
    assert early not in house.closed[1:]


def test_sec_74_new_limits_hold_for_those_who_come() -> None:
    house = House(connections=1)
    house.admitted()
    house.crowd.limits = HttpLimits(connections=2)
    house.admitted()
    house.crowd.limits = HttpLimits(connections=1)
    assert house.crowd.inside == 2
    assert house.crowd.admit(house.guest()) == TOO_MANY
