"""Lanes that take turns."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.local.fair_queue import FairQueue


class One:
    def __init__(self, name: str, pretends: bool = False) -> None:
        self.name = name
        self.pretends = pretends

    def __repr__(self) -> str:
        return self.name


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
        assert queue.put(name[0], One(name)) is None
    assert order(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert queue.waiting == 0


def test_sec_76_the_last_of_the_longest_lane_gives_way() -> None:
    queue = FairQueue[One](room=4, abreast=1)
    for name in ("a1", "a2", "a3", "a4"):
        assert queue.put("a", One(name)) is None
    assert str(queue.put("b", One("b1"))) == "a4"
    assert str(queue.put("b", One("b2"))) == "a3"
    for place in ("a", "b"):
        late = One("late")
        assert queue.put(place, late) is late, "both have their share"
    assert str(queue.put("c", One("c1"))) in ("a2", "b2")
    assert queue.waiting == 4


def test_sec_76_who_pretends_takes_no_place_and_waits_all_the_same() -> None:
    queue = FairQueue[One](room=2, abreast=1)
    for number in range(2):
        assert queue.put("a", One(f"p{number}", pretends=True)) is None
    assert queue.waiting == 0
    late = One("p2", pretends=True)
    assert queue.put("a", late) is late, "no more than could have waited in earnest"
    for name in ("b1", "c1"):
        assert queue.put(name[0], One(name)) is None
    assert queue.put("d", One("d1")) is not None, "full of those who work"
    assert order(queue) == ["p0", "b1", "c1", "p1"]


def test_who_pretends_pushes_nobody_out() -> None:
    queue = FairQueue[One](room=3, abreast=1)
    for name in ("a1", "a2", "a3"):
        queue.put("a", One(name))
    assert queue.put("b", One("p", pretends=True)) is None
    assert queue.waiting == 3


def test_a_lane_has_so_many_at_work() -> None:
    queue = FairQueue[One](room=9, abreast=2)
    for name in ("a1", "a2", "a3", "b1"):
        queue.put(name[0], One(name, pretends=name[0] == "a"))
    taken = [queue.take() for _ in range(3)]
    assert [str(one[1]) for one in taken if one] == ["a1", "b1", "a2"]
    assert queue.take() is None
    queue.done("a")
    assert str((queue.take() or ("", ""))[1]) == "a3"


def test_who_leaves_is_gone() -> None:
    queue = FairQueue[One](room=9, abreast=1)
    one = One("a1")
    queue.put("a", one)
    assert queue.everybody() == [one]
    assert queue.remove("a", one)
    assert not queue.remove("a", one)
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
        lost = queue.put(place, one)
        if lost is one:
            assert max(waiting.values()) <= waiting[place] + 1 or queue.everybody().count(one) == 0
            continue
        if lost is not None:
            assert waiting[lost.name] > waiting[place] + 1
            waiting[lost.name] -= 1
        waiting[place] += not pretends
        assert queue.waiting == sum(waiting.values()) <= 6
