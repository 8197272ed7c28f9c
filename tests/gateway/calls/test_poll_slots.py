"""Slots for long polls: one user never has all, and none is lost."""

import asyncio

import pytest

from sessiongate.errors import Overloaded
from sessiongate.gateway.calls.poll_slots import PollSlots
from sessiongate.session import Person
from tests.until import until

ADA, BOB, CARL = (Person("local", name) for name in ("ada", "bob", "carl"))


async def test_one_user_has_half_of_them_at_most() -> None:
    slots = PollSlots(4, 30.0)
    for _ in range(2):
        await slots.take(ADA)
    with pytest.raises(Overloaded):
        await slots.take(ADA)
    await slots.take(BOB)
    slots.give_back(ADA)
    await slots.take(ADA)
    assert slots.taken == 3


async def test_who_waits_for_a_place_gets_the_next_and_who_stops_waiting_leaves_none() -> None:
    slots = PollSlots(2, 30.0)
    await slots.take(ADA)
    await slots.take(BOB)
    waiting = [asyncio.create_task(slots.take(CARL))]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    slots.give_back(ADA)
    await slots.take(CARL)
    slots.give_back(CARL)
    slots.give_back(BOB)
    assert slots.taken == 0


async def test_nobody_waits_longer_than_it_says() -> None:
    slots = PollSlots(2, 0.01)
    await slots.take(ADA)
    await slots.take(BOB)
    with pytest.raises(Overloaded):
        await slots.take(CARL)
    slots.give_back(BOB)
    await slots.take(CARL)
    await until(lambda: slots.taken == 2)
