"""Slots for transfers by ticket alone: who hardly moves leaves, where others wait."""

import asyncio

import pytest

from sessiongate.errors import Overloaded
from sessiongate.gateway.calls.stranger_slots import LEAST, WINDOW, StrangerSlots
from tests.until import until


class Moving:
    """A transfer that a test moves."""

    def __init__(self, slots: StrangerSlots, address: str) -> None:
        self.moved = 0
        self.ended = False
        self._slots, self._address = slots, address

    async def begin(self) -> None:
        await self._slots.take(self, self._address)

    def end(self) -> None:
        self.ended = True
        asyncio.get_running_loop().call_soon(self._slots.give_back, self, self._address)


@pytest.fixture
async def full() -> tuple[StrangerSlots, list[Moving]]:
    """Four that are taken by two addresses, since `WINDOW` ago by the clock of `tidy`."""
    slots = StrangerSlots(4, 30.0)
    moving = [Moving(slots, address) for address in ("192.0.2.1", "192.0.2.2") for _ in "ab"]
    for one in moving:
        await one.begin()
    slots.tidy(0.0)
    return slots, moving


async def test_the_slowest_leaves_for_each_that_waits(
    full: tuple[StrangerSlots, list[Moving]],
) -> None:
    slots, moving = full
    for number, one in enumerate(moving):
        one.moved = number
    other = Moving(slots, "192.0.2.3")
    waiting = asyncio.create_task(other.begin())
    await asyncio.sleep(0)
    slots.tidy(WINDOW / 2)
    assert not any(one.ended for one in moving), "no window is over"
    slots.tidy(WINDOW)
    slots.tidy(WINDOW + 1)
    assert [one.ended for one in moving] == [True, False, False, False]
    await until(waiting.done)
    slots.tidy(WINDOW + 2)
    assert [one.ended for one in moving] == [True, False, False, False], "nobody waits any more"


async def test_what_moves_keeps_its_slot_and_what_stops_moving_loses_it(
    full: tuple[StrangerSlots, list[Moving]],
) -> None:
    slots, moving = full
    other = Moving(slots, "192.0.2.3")
    waiting = asyncio.create_task(other.begin())
    await asyncio.sleep(0)
    for one in moving:
        one.moved += LEAST
    slots.tidy(WINDOW)
    assert not any(one.ended for one in moving)
    for one in moving[:3]:
        one.moved += LEAST
    slots.tidy(2 * WINDOW)
    assert [one.ended for one in moving] == [False, False, False, True]
    await until(waiting.done)


async def test_where_nobody_waits_the_slowest_stays(
    full: tuple[StrangerSlots, list[Moving]],
) -> None:
    slots, moving = full
    for seconds in range(100):
        slots.tidy(float(seconds))
    assert not any(one.ended for one in moving)


async def test_a_network_of_ipv6_counts_as_one_address() -> None:
    slots = StrangerSlots(4, 30.0)
    for number in (1, 2):
        await Moving(slots, f"2001:db8::{number}").begin()
    with pytest.raises(Overloaded):
        await Moving(slots, "2001:db8::3").begin()
    await Moving(slots, "2001:db8:0:1::3").begin()
