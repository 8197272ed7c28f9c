"""Room for large replies: bounded, for one always, and in turn by who has least."""

from sessiongate.upstream.reply_room import ReplyRoom


async def test_there_is_room_for_so_much_and_the_rest_waits() -> None:
    room = ReplyRoom(10)
    first, second, third = (room.claim(5, "ada") for _ in range(3))
    assert [one.ready.done() for one in (first, second, third)] == [True, True, False]
    assert (room.held, room.waiting) == (10, 1)
    room.give_back(first)
    assert third.ready.done()
    room.give_back(second)
    room.give_back(third)
    assert (room.held, room.waiting) == (0, 0)


async def test_one_always_has_room() -> None:
    room = ReplyRoom(10)
    large = room.claim(30, "ada")
    assert large.ready.done()
    small = room.claim(1, "bob")
    assert not small.ready.done()
    room.give_back(large)
    assert small.ready.done()


async def test_who_has_least_is_next() -> None:
    room = ReplyRoom(10)
    bobs = [room.claim(5, "bob") for _ in range(6)]
    carl = room.claim(5, "carl")
    room.give_back(bobs[0])
    assert carl.ready.done()
    assert not bobs[2].ready.done()


async def test_one_that_does_not_fit_is_not_overtaken() -> None:
    room = ReplyRoom(10)
    first = room.claim(6, "ada")
    large, small = room.claim(9, "bob"), room.claim(1, "carl")
    assert not large.ready.done()
    assert not small.ready.done()
    room.give_back(large)  # nobody waits for it any more
    assert small.ready.done()
    room.give_back(first)
    room.give_back(small)
    assert room.held == 0
