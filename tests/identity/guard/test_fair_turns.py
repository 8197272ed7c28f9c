"""Turns at a provider elsewhere: who is next, who is refused, and that no turn is lost."""

import asyncio
from contextlib import suppress

import pytest

from sessiongate.errors import Overloaded
from sessiongate.identity.guard.fair_turns import FairTurns

LONG = 60.0
HOME = "198.51.100.7"


class Queue:
    """Logins that stay at their turn until they are let go, in the order of their turns."""

    def __init__(self, at_once: int = 1, waiting: int = 512, patience: float = LONG) -> None:
        self.turns = FairTurns(at_once, waiting, patience, "the directory")
        self.order: list[str] = []
        self.go = asyncio.Semaphore(0)
        self.refused: list[str] = []

    async def login(self, address: str) -> None:
        try:
            async with self.turns.turn(address):
                self.order.append(address)
                await self.go.acquire()
        except Overloaded:
            self.refused.append(address)

    async def arrive(self, *addresses: str) -> list[asyncio.Task[None]]:
        """All of them ask, one after the other, and wait."""
        tasks = []
        for address in addresses:
            tasks.append(asyncio.create_task(self.login(address)))
            await asyncio.sleep(0)
        return tasks

    async def all_done(self, tasks: list[asyncio.Task[None]]) -> None:
        for _ in tasks:
            self.go.release()
        await asyncio.wait_for(asyncio.gather(*tasks), LONG)


def strangers(count: int) -> list[str]:
    """Addresses of as many networks, by IPv4 and IPv6 in turn."""
    return [f"10.{n >> 8}.{n & 255}.1" if n % 2 else f"2001:db8:{n:x}::1" for n in range(count)]


@pytest.mark.parametrize("hostile", [120, 511])
async def test_sec_76_a_known_address_has_the_next_turn(hostile: int) -> None:
    queue = Queue()
    queue.turns.welcome(HOME)
    tasks = await queue.arrive(*strangers(hostile), HOME)
    await queue.all_done(tasks)
    assert queue.order.index(HOME) == 1
    assert queue.refused == []


@pytest.mark.parametrize("hostile", [2, 40])
async def test_sec_76_one_network_costs_a_newcomer_one_turn(hostile: int) -> None:
    queue = Queue()
    crowd = [f"203.0.113.{n}" for n in range(hostile)]
    tasks = await queue.arrive(*crowd, HOME)
    await queue.all_done(tasks)
    assert queue.order.index(HOME) == 1


async def test_sec_76_a_full_queue_lets_a_known_address_in_and_refuses_a_stranger() -> None:
    queue = Queue(waiting=8)
    queue.turns.welcome(HOME)
    tasks = await queue.arrive(*strangers(9), HOME)
    await queue.all_done(tasks)
    assert HOME in queue.order
    assert len(queue.refused) == 1
    assert HOME not in queue.refused


async def test_a_turn_that_does_not_come_in_time_is_refused_and_not_lost() -> None:
    queue = Queue(patience=0.01)
    first, second = await queue.arrive("192.0.2.1", "192.0.2.2")
    await asyncio.wait_for(second, LONG)
    assert queue.refused == ["192.0.2.2"]
    await queue.all_done([first])
    (third,) = await queue.arrive("192.0.2.3")
    await queue.all_done([third])
    assert queue.order == ["192.0.2.1", "192.0.2.3"]


async def test_who_gives_up_gives_the_turn_back() -> None:
    """Waiting, at the turn, and in the moment between the two."""
    queue = Queue()
    first, second, third = await queue.arrive("192.0.2.1", "192.0.2.2", "192.0.2.3")
    second.cancel()
    first.cancel()
    await asyncio.sleep(0)
    third.cancel()  # its turn has come with the end of the first, and it has not seen it yet
    for one in (first, second, third):
        with suppress(asyncio.CancelledError):
            await one
    (fourth,) = await queue.arrive("192.0.2.4")
    await queue.all_done([fourth])
    assert queue.order == ["192.0.2.1", "192.0.2.4"]


async def test_as_many_as_there_are_turns_have_one_at_once() -> None:
    queue = Queue(at_once=3)
    tasks = await queue.arrive(*strangers(5))
    assert len(queue.order) == 3
    queue.go.release()
    await asyncio.wait_for(asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED), LONG)
    await asyncio.sleep(0)
    assert len(queue.order) == 4
    await queue.all_done([one for one in tasks if not one.done()])
