"""Who is let in, and who goes in favour of somebody else: counts and ages, without sockets."""

from typing import Any

from sessiongate.http.bounds.admission import (
    MADE_ROOM,
    TOO_MANY,
    TOO_MANY_HANDSHAKES,
    TOO_MANY_OF_ADDRESS,
    AcceptedSocket,
    Admission,
)
from sessiongate.http.bounds.idle_sockets import PATIENCE
from sessiongate.http.limits import HttpLimits

LATER = 2 * PATIENCE


class House:
    """A admission, and who was closed by it."""

    def __init__(self, **limits: Any) -> None:
        self.admission = Admission(HttpLimits(**limits), exempt=lambda address: address == "proxy")
        self.closed: list[AcceptedSocket] = []

    def accepted(
        self, at: float = 0.0, address: str = "", *, in_handshake: bool = False
    ) -> AcceptedSocket:
        accepted = AcceptedSocket(
            address, at, lambda: self.closed.append(accepted), in_handshake=in_handshake
        )
        return accepted

    def admitted(
        self, at: float = 0.0, address: str = "", *, in_handshake: bool = False
    ) -> AcceptedSocket:
        accepted = self.accepted(at, address, in_handshake=in_handshake)
        assert self.admission.admit(accepted) is None
        return accepted


def test_sec_74_everybody_counts_until_he_leaves_and_leaves_once() -> None:
    house = House(connections=2)
    one, _ = house.admitted(), house.admitted(in_handshake=True)
    assert (house.admission.inside, house.admission.handshakes) == (2, 1)
    assert house.admission.admit(house.accepted()) == TOO_MANY
    house.admission.leave(one)
    house.admission.leave(one)
    assert house.admission.inside == 1
    house.admitted()
    assert house.closed == []


def test_sec_74_who_was_not_let_in_does_not_count_and_cannot_leave() -> None:
    house = House(connections=1)
    house.admitted()
    refused = house.accepted()
    assert house.admission.admit(refused) == TOO_MANY
    house.admission.leave(refused)
    assert house.admission.inside == 1


def test_sec_74_handshakes_have_a_cap_of_their_own() -> None:
    house = House(connections=100, handshakes=3)
    handshaking = [house.admitted(in_handshake=True) for _ in range(3)]
    assert house.admission.admit(house.accepted(in_handshake=True)) == TOO_MANY_HANDSHAKES
    house.admitted()  # without TLS
    house.admission.handshake_done(handshaking[0], 0.0)
    house.admitted(in_handshake=True)
    assert (house.admission.inside, house.admission.handshakes) == (5, 3)


def test_sec_74_handshakes_never_take_all_places() -> None:
    house = House(connections=10, handshakes=1000)
    for _ in range(5):
        house.admitted(in_handshake=True)
    assert house.admission.admit(house.accepted(in_handshake=True)) == TOO_MANY_HANDSHAKES


def test_sec_74_the_oldest_that_said_nothing_makes_room() -> None:
    house = House(connections=4, handshakes=2)
    first, second = (house.admitted(at, in_handshake=True) for at in (0.0, 0.1))
    soon = house.accepted(PATIENCE - 0.01, in_handshake=True)
    assert house.admission.admit(soon) == TOO_MANY_HANDSHAKES
    house.admitted(LATER, in_handshake=True)
    assert house.closed == [first]
    house.admitted(LATER, in_handshake=True)
    assert house.closed == [first, second]
    assert house.admission.handshakes == 2
    assert house.admission.refusals == {MADE_ROOM: 2}


def test_sec_74_who_has_spoken_never_makes_room() -> None:
    house = House(connections=2)
    house.admission.mark_busy(house.admitted())
    silent = house.admitted()
    house.admitted(LATER)
    assert house.closed == [silent]
    assert house.admission.admit(house.accepted(LATER)) == TOO_MANY
    assert house.closed == [silent]


def test_sec_74_after_the_handshake_there_is_time_again() -> None:
    house = House(connections=2)
    slow = house.admitted(0.0, in_handshake=True)
    house.admitted(LATER)
    house.admission.handshake_done(slow, LATER)
    assert house.admission.admit(house.accepted(LATER)) == TOO_MANY
    assert house.closed == []


def test_sec_74_one_address_has_a_cap_where_there_is_one() -> None:
    house = House(connections_per_address=2)
    one = house.admitted(address="a")
    house.admitted(address="a", in_handshake=True)
    for later in (0.0, LATER):
        assert house.admission.admit(house.accepted(later, "a")) == TOO_MANY_OF_ADDRESS
    house.admitted(address="b")
    for _ in range(5):
        house.admitted(address="proxy")
        house.admitted(address="")  # by a Unix socket
    house.admission.leave(one)
    house.admitted(address="a")
    free = House()
    for _ in range(50):
        free.admitted(address="a")


def test_sec_74_an_ipv6_network_is_one_address() -> None:
    """Whoever has one IPv6 address has 2^64 of them."""
    house = House(connections_per_address=2)
    house.admission.exempt = lambda address: address == "2001:db8::9"
    one = house.admitted(address="2001:db8::1")
    house.admitted(address="2001:db8::2", in_handshake=True)
    assert house.admission.admit(house.accepted(address="2001:db8::3")) == TOO_MANY_OF_ADDRESS
    house.admitted(address="2001:db8:0:1::3")
    house.admitted(address="2001:db8::9")
    house.admission.leave(one)
    assert house.admission.admit(house.accepted(address="2001:db8::4")) == TOO_MANY_OF_ADDRESS
    for number in range(2):
        house.admitted(address=f"192.0.2.{number}")
        house.admitted(address=f"192.0.2.{number}")
    assert house.admission.admit(house.accepted(address="192.0.2.1")) == TOO_MANY_OF_ADDRESS


def test_sec_74_nobody_goes_in_favour_of_somebody_who_is_refused() -> None:
    house = House(connections=4, handshakes=2)
    for _ in range(2):
        house.admitted(0.0)
    for _ in range(2):
        house.admitted(LATER, in_handshake=True)
    newcomer = house.accepted(LATER, in_handshake=True)
    assert house.admission.admit(newcomer) == TOO_MANY_HANDSHAKES
    assert house.closed == []
    assert house.admission.refusals == {}
    of_address = House(connections=2, connections_per_address=1)
    of_address.admitted(0.0, "a")
    of_address.admitted(0.0, "b")
    assert of_address.admission.admit(of_address.accepted(LATER, "a")) == TOO_MANY_OF_ADDRESS
    assert of_address.closed == []


def test_sec_74_one_newcomer_takes_one_place() -> None:
    house = House(connections=4, handshakes=2)
    first, _ = house.admitted(0.0), house.admitted(0.0)
    handshaking = [house.admitted(0.0, in_handshake=True) for _ in range(2)]
    house.admitted(LATER, in_handshake=True)
    assert house.closed == handshaking[:1]
    house.admission.limits = HttpLimits(connections=2, handshakes=1)
    house.admitted(LATER, in_handshake=True)
    assert house.closed == handshaking
    house.admitted(LATER + LATER)
    assert first not in house.closed
    assert house.admission.inside == 4


def test_sec_74_between_requests_the_longest_idle_makes_room() -> None:
    house = House(connections=3)
    busy, early, late = (house.admitted() for _ in range(3))
    for accepted in (busy, early, late):
        house.admission.mark_busy(accepted)
    assert house.admission.admit(house.accepted(LATER)) == TOO_MANY
    house.admission.mark_idle(early, 10.0)
    house.admission.mark_idle(late, 10.1)
    assert house.admission.admit(house.accepted(10.0 + PATIENCE / 2)) == TOO_MANY
    house.admitted(10.0 + LATER)
    assert house.closed == [early]
    house.admission.mark_busy(late)
    assert house.admission.admit(house.accepted(10.0 + LATER)) == TOO_MANY
    # Whoever was let go is not inside again by the end of his request.
    house.admission.mark_idle(early, 20.0)
    house.admission.mark_idle(late, 20.1)
    house.admitted(20.0 + LATER)
    assert early not in house.closed[1:]


def test_sec_74_new_limits_hold_for_those_who_come() -> None:
    house = House(connections=1)
    house.admitted()
    house.admission.limits = HttpLimits(connections=2)
    house.admitted()
    house.admission.limits = HttpLimits(connections=1)
    assert house.admission.inside == 2
    assert house.admission.admit(house.accepted()) == TOO_MANY


def test_sec_74_what_known_callers_leave_unread_counts_when_strangers_of_their_address_read() -> (
    None
):
    house = House(anonymous_total=1000)
    known, stranger, other = (house.admitted(address="192.0.2.7") for _ in range(3))
    for one in (known, stranger, other):
        one.count_unread = lambda: 800
    house.admission.add_unread(known, 800, 0.0, known=True)
    house.admission.add_unread(stranger, 100, 0.0, known=False)
    house.admission.clear_unread(stranger)
    house.admission.add_unread(other, 800, 0.0, known=True)
    assert house.closed == [other]
