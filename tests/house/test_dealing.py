"""Tests are dealt to processes: all of them, slow ones first in each part."""

import random

from tests.dealing import dealt


def slow(name: str) -> bool:
    return name.isupper()


def group(name: str) -> str:
    return name[0]


def test_each_part_begins_with_its_share_of_what_is_slow() -> None:
    assert dealt("abAcdeBfghCi", 3, slow, group) == [*"AabcBdefCghi"]


def test_slow_ones_of_one_group_stay_together_and_in_their_order() -> None:
    names = ["A1", "a2", "A3", "B1", "C1", "A4", "b2", "b3"]
    assert dealt(names, 2, slow, group) == ["A1", "A3", "C1", "a2", "B1", "A4", "b2", "b3"]


def test_one_process_begins_with_all_of_them() -> None:
    assert dealt("aBcD", 1, slow, group) == [*"BDac"]


def test_none_is_lost_and_none_is_there_twice() -> None:
    chance = random.Random(7)
    for count in range(1, 6):
        for length in range(40):
            names = [f"{chance.choice('abcABC')}{number}" for number in range(length)]
            assert sorted(dealt(names, count, slow, group)) == sorted(names)
