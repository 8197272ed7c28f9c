"""Places at an upstream: one client leaves half of them to the others."""

import asyncio

from sessiongate.gateway.leases.shared_slots import SharedSlots
from tests.until import PATIENCE, until


class Upstream:
    """What takes its time, and counts who is there."""

    def __init__(self, most: int) -> None:
        self.slots = SharedSlots(most)
        self.answers = asyncio.Event()
        self.there: list[str] = []
        self.most = 0

    async def ask(self, client: str) -> None:
        async with self.slots.taken(client):
            self.there.append(client)
            self.most = max(self.most, len(self.there))
            await self.answers.wait()
            self.there.remove(client)


async def test_one_that_asks_without_end_takes_no_place_of_another() -> None:
    upstream = Upstream(4)
    async with asyncio.TaskGroup() as group:
        for _ in range(60):
            group.create_task(upstream.ask("noisy"))
        await until(lambda: upstream.there == ["noisy"] * 2)
        group.create_task(upstream.ask("other"))
        await until(lambda: "other" in upstream.there)
        upstream.answers.set()
    assert upstream.there == []
    assert upstream.most == 3


async def test_all_together_have_no_more_than_there_are() -> None:
    upstream = Upstream(4)
    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(upstream.ask(f"client-{number}"))
        await until(lambda: len(upstream.there) == 4)
        upstream.answers.set()
    assert upstream.most == 4


async def test_whoever_gives_up_leaves_its_place() -> None:
    upstream = Upstream(2)
    first = asyncio.create_task(upstream.ask("one"))
    await until(lambda: upstream.there == ["one"])
    second = asyncio.create_task(upstream.ask("one"))
    await asyncio.sleep(0)
    second.cancel()
    upstream.answers.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert second.cancelled()
    await asyncio.wait_for(upstream.ask("one"), PATIENCE)
