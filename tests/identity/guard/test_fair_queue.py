"""Lanes that take turns."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.guard.fair_queue import FairQueue, QueuePosition
from tests.each import each


class One:
    def __init__(self, name: str, pretends: bool = False) -> None:
        self.name = name
        self.pretends = pretends

    def __repr__(self) -> str:
        return self.name


def at(place: str, network: str = "", *, known: bool = True) -> QueuePosition:
    return QueuePosition(place, network or place, known)


def order(queue: FairQueue[One]) -> list[str]:
    """Everybody in turn, each done before the next."""
    names = []
    while taken := queue.take():
        place, one = taken
        names.append(one.name)
        queue.done(place)
    return names


def test_sec_76_lanes_take_turns() -> None:
    queue = FairQueue[One](room=10, abreast=1)
    for name in ("a1", "a2", "a3", "b1", "c1", "c2"):
        assert queue.put(at(name[0]), One(name)) is None
    assert order(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert queue.waiting == 0


def test_sec_76_the_last_of_the_longest_lane_gives_way() -> None:
    queue = FairQueue[One](room=4, abreast=1)
    for name in ("a1", "a2", "a3", "a4"):
        assert queue.put(at("a"), One(name)) is None
    assert str(queue.put(at("b"), One("b1"))) == "a4"
    assert str(queue.put(at("b"), One("b2"))) == "a3"
    for place in ("a", "b"):
        late = One("late")
        assert queue.put(at(place), late) is late, "both have their share"
    assert str(queue.put(at("c"), One("c1"))) in ("a2", "b2")
    assert queue.waiting == 4


def test_sec_76_who_pretends_takes_no_place_and_waits_all_the_same() -> None:
    queue = FairQueue[One](room=2, abreast=1, draw=lambda below: below - 1)
    for number in range(2):
        assert queue.put(at("a"), One(f"p{number}", pretends=True)) is None
    assert queue.waiting == 0
    late = One("p2", pretends=True)
    assert queue.put(at("a"), late) is late, "no more than could have waited in earnest"
    for name in ("b1", "c1"):
        assert queue.put(at(name[0]), One(name)) is None
    assert queue.put(at("d"), One("d1")) is not None, "full of those who work"
    assert order(queue) == ["p0", "b1", "c1", "p1"]


def test_who_pretends_pushes_nobody_out() -> None:
    queue = FairQueue[One](room=3, abreast=1)
    for name in ("a1", "a2", "a3"):
        queue.put(at("a"), One(name))
    assert queue.put(at("b"), One("p", pretends=True)) is None
    assert queue.waiting == 3


def test_a_lane_has_so_many_at_work() -> None:
    queue = FairQueue[One](room=9, abreast=2)
    for name in ("a1", "a2", "a3", "b1"):
        queue.put(at(name[0]), One(name, pretends=name[0] == "a"))
    taken = [queue.take() for _ in range(3)]
    assert [str(one[1]) for one in taken if one] == ["a1", "b1", "a2"]
    assert queue.take() is None
    queue.done(at("a"))
    assert str((queue.take() or ("", ""))[1]) == "a3"


def test_who_leaves_is_gone() -> None:
    queue = FairQueue[One](room=9, abreast=1)
    one = One("a1")
    queue.put(at("a"), one)
    assert queue.everybody() == [one]
    assert queue.remove(at("a"), one)
    assert not queue.remove(at("a"), one)
    assert queue.take() is None
    assert queue.waiting == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=80))
def test_sec_76_nobody_is_pushed_out_by_an_address_with_as_many(
    arrivals: list[tuple[str, bool]],
) -> None:
    """However they come, the room is never exceeded, and who gives way had more than who came."""
    queue = FairQueue[One](room=6, abreast=1)
    waiting: dict[str, int] = dict.fromkeys("abcdef", 0)
    for place, pretends in arrivals:
        one = One(place, pretends)
        lost = queue.put(at(place), one)
        if lost is one:
            assert max(waiting.values()) <= waiting[place] + 1 or sum(waiting.values()) < 6
            assert one not in queue.everybody()
            continue
        if lost is not None:
            assert waiting[lost.name] >= waiting[place] + 1
            waiting[lost.name] -= 1
        waiting[place] += not pretends
        assert queue.waiting == sum(waiting.values()) <= 6


def strangers(count: int, *, network: str = "") -> list[QueuePosition]:
    return [at(f"s{number}", network, known=False) for number in range(count)]


class Admission:
    """Addresses that each have one login in flight, and ask again as soon as it is answered."""

    def __init__(self, spots: Sequence[QueuePosition], room: int = 64, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.queue = FairQueue[One](room, abreast=1, draw=self._random.randrange)
        self._spots = list(spots)
        self._waits: dict[QueuePosition, One] = {}
        self.refused = 0

    def ask(self, position: QueuePosition) -> bool:
        """One more login from there, unless one waits. Whether one does now."""
        if position in self._waits:
            return True
        one = One(position.place)
        lost = self.queue.put(position, one)
        if lost is not one:
            self._waits[position] = one
        if lost is not None:
            self.refused += 1
            self._waits = {each: who for each, who in self._waits.items() if who is not lost}
        return lost is not one

    def turn(self) -> QueuePosition:
        """Everybody asks, in some order; then one is served."""
        self._random.shuffle(self._spots)
        for position in self._spots:
            self.ask(position)
        taken = self.queue.take()
        assert taken is not None
        self.queue.done(taken[0])
        self._waits.pop(taken[0])
        return taken[0]

    def turns_until(self, position: QueuePosition, most: int) -> int:
        """How many are served until this one is, who asks again each time he is refused."""
        self._spots.append(position)
        for number in range(1, most + 1):
            if self.turn() == position:
                self._spots.remove(position)
                return number
        raise AssertionError(f"not served in {most} turns")


@pytest.mark.parametrize("hostile", [120, 250])
def test_sec_76_a_known_address_is_next_however_many_strangers_there_are(hostile: int) -> None:
    crowd = Admission(strangers(hostile))
    for _ in range(10):
        crowd.turn()
        assert crowd.turns_until(at("owner"), most=2) <= 2
    assert crowd.refused > hostile, "the queue was full all the while"


@pytest.mark.slow
@each(("hostile", "seed"), [*((120, seed) for seed in range(3)), (250, 0)])
def test_sec_76_a_newcomer_is_served_no_later_than_each_of_them_once(
    hostile: int, seed: int
) -> None:
    crowd = Admission(strangers(hostile), seed=seed)
    newcomer = at("newcomer", known=False)
    crowd.turns_until(newcomer, most=hostile + 1)


@pytest.mark.slow
@pytest.mark.parametrize("hostile", [120, 250])
def test_sec_76_a_newcomer_is_next_where_the_others_had_their_turn(hostile: int) -> None:
    crowd = Admission(strangers(hostile))
    for _ in range(hostile):
        crowd.turn()
    for number in range(5):
        assert crowd.turns_until(at(f"newcomer {number}", known=False), most=2) <= 2


@pytest.mark.slow
def test_sec_76_addresses_of_one_network_share_what_it_has() -> None:
    """Two hundred of one network that never had a turn, and one of another."""
    crowd = Admission(strangers(200, network="192.0.2.0/24"))
    crowd.turn()
    newcomer = at("198.51.100.9", "198.51.100.0/24", known=False)
    assert crowd.turns_until(newcomer, most=2) <= 2
    # And in the network itself, whoever was not served yet is before those who were.
    for _ in range(200):
        crowd.turn()
    neighbour = at("192.0.2.250", "192.0.2.0/24", known=False)
    assert crowd.turns_until(neighbour, most=2) <= 2


def test_sec_76_endless_fresh_addresses_leave_a_newcomer_his_chance() -> None:
    """Nobody has had a turn: it is drawn, so he has as good a chance as each who asks."""
    served = 0
    for seed in range(300):
        crowd = Admission([], room=8, seed=seed)
        newcomer = at("newcomer", known=False)
        for number in range(8):
            crowd.ask(at(f"first{number}", known=False))
        crowd.ask(newcomer)
        for number in range(8):
            crowd.ask(at(f"later{number}", known=False))
        served += any(one.name == "newcomer" for one in crowd.queue.everybody())
    # He gets in with 8/9, and each of the eight after him has him out with less than 1/9.
    assert 60 <= served <= 200, served


def test_sec_76_strangers_are_not_shut_out_by_a_flood_from_known_addresses() -> None:
    crowd = Admission([at(f"k{number}") for number in range(200)])
    crowd.turn()
    for number in range(5):
        assert crowd.turns_until(at(f"newcomer {number}", known=False), most=4) <= 4


def test_sec_76_each_crowd_has_its_share_of_a_full_queue() -> None:
    queue = FairQueue[One](room=8, abreast=1, draw=lambda below: below - 1)
    for number in range(8):
        assert queue.put(at(f"k{number}"), One(f"k{number}")) is None
    lost = [queue.put(at(f"s{number}", known=False), One("s")) for number in range(3)]
    assert [str(one)[0] for one in lost] == ["k", "k", "s"], "two of eight places, then refused"
    for number in range(8):
        queue.put(at(f"t{number}", known=False), One("t"))
    assert sum(one.name[0] == "k" for one in queue.everybody()) == 6


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.integers(0, 5)), max_size=99)
)
def test_whatever_happens_each_is_served_refused_or_waits(
    steps: list[tuple[str, bool, int]],
) -> None:
    """And the room is kept, and nobody is more at work than allowed."""
    queue = FairQueue[One](room=4, abreast=2)
    came: list[One] = []
    gone: list[One] = []
    working: list[QueuePosition] = []
    for place, flag, step in steps:
        position = at(place, "ab" if place in "ab" else place, known=flag)
        if step < 3:
            one = One(place, pretends=step == 2)
            came.append(one)
            lost = queue.put(position, one)
            gone += [lost] if lost is not None else []
        elif step == 3 and (taken := queue.take()):
            working.append(taken[0])
            gone.append(taken[1])
            assert working.count(taken[0]) <= 2
        elif step == 4 and working:
            queue.done(working.pop())
        elif step == 5 and queue.everybody():
            leaves = queue.everybody()[0]
            assert any(
                queue.remove(at(leaves.name, net, known=known), leaves)
                for known in (True, False)
                for net in ("ab", leaves.name)
            )
            gone.append(leaves)
        waits = queue.everybody()
        assert queue.waiting == sum(not one.pretends for one in waits) <= 4
        assert sorted(map(id, [*gone, *waits])) == sorted(map(id, came))
    while working:
        queue.done(working.pop())
    left = len(queue.everybody())
    assert len(order(queue)) == left, "whose turn can come is found"
