"""Places for long polls: one user never has all, and none is lost."""

import asyncio

import pytest

from sessiongate.errors import Overloaded
from sessiongate.gateway.calls.poll_places import PollPlaces
from sessiongate.session import Person
from tests.until import until

ADA, BOB, CARL = (Person("local", name) for name in ("ada", "bob", "carl"))


async def test_one_user_has_half_of_them_at_most() -> None:
    places = PollPlaces(4, 30.0)
    for _ in range(2):
        await places.take(ADA)
    with pytest.raises(Overloaded):
        await places.take(ADA)
    await places.take(BOB)
    places.give_back(ADA)
    await places.take(ADA)
    assert places.taken == 3


async def test_who_waits_for_a_place_gets_the_next_and_who_stops_waiting_leaves_none() -> None:
    places = PollPlaces(2, 30.0)
    await places.take(ADA)
    await places.take(BOB)
    waiting = [asyncio.create_task(places.take(CARL))]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    places.give_back(ADA)
    await places.take(CARL)
    places.give_back(CARL)
    places.give_back(BOB)
    assert places.taken == 0


async def test_nobody_waits_longer_than_it_says() -> None:
    places = PollPlaces(2, 0.01)
    await places.take(ADA)
    await places.take(BOB)
    with pytest.raises(Overloaded):
        await places.take(CARL)
    places.give_back(BOB)
    await places.take(CARL)
    await until(lambda: places.taken == 2)
