"""From where names have come in."""

from datetime import timedelta

from sessiongate.identity.guard.known_names import KnownAddresses, KnownPlaces
from sessiongate.rules.lockout import LATELY
from tests.identity.fakes import NOON


def test_a_place_is_known_for_a_while() -> None:
    known = KnownPlaces()
    known.note("alice", "here", NOON)
    assert known.knows("alice", "here", NOON + LATELY - timedelta(microseconds=1))
    assert not known.knows("alice", "here", NOON + LATELY)
    assert not known.knows("alice", "there", NOON)
    assert not known.knows("bob", "here", NOON)


def test_sec_82_known_addresses_are_bounded_and_the_latest_stay() -> None:
    known = KnownPlaces(names=3, places=2)
    for number in range(100):
        known.note(f"name{number // 10}", f"place{number}", NOON)
    assert len(known) == 6
    for number in range(1000):
        known.note("one", f"place{number}", NOON)
    assert len(known) <= 6
    assert known.knows("one", "place999", NOON)
    assert not known.knows("one", "place0", NOON)
    assert known.knows("name9", "place99", NOON), "one who has a password pushes out nobody else"


def test_sec_76_addresses_from_which_anybody_came_in_are_bounded_and_the_latest_stay() -> None:
    known = KnownAddresses(most=2)
    for place in ("a", "b", "a", "c"):
        known.welcome(place)
    assert [place in known for place in ("a", "b", "c")] == [True, False, True]
