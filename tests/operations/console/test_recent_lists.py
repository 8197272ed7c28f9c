"""Polls cost a tenth of the time: a list that took long is theirs for ten times as long."""

import asyncio
from datetime import timedelta

from sessiongate.operations.console.recent_lists import RecentLists
from sessiongate.operations.console.session_lines import ListedSessions
from sessiongate.testing import FakeClock


class Slow:
    """Makes lists that take a second each, and counts them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lists = RecentLists(self.clock)
        self.count = 0
        self.takes = timedelta(seconds=1)

    async def _make(self) -> ListedSessions:
        await asyncio.sleep(0)
        self.clock.tick(self.takes)
        self.count += 1
        return ListedSessions([], self.count, False, "last", "", self.clock.now())

    async def ask(self, asked: str = "user=bob", *, polls: bool = True) -> int:
        """Which list that was."""
        return (await self.lists.of(asked, self._make, polls=polls)).total


async def test_a_list_that_took_a_second_is_polls_for_ten() -> None:
    slow = Slow()
    assert await slow.ask() == 1
    slow.clock.tick(timedelta(seconds=8.9))
    assert await slow.ask() == 1
    slow.clock.tick(timedelta(seconds=0.1))
    assert await slow.ask() == 2


async def test_whoever_loads_a_page_has_it_made_anew_and_polls_get_that_one() -> None:
    slow = Slow()
    assert await slow.ask() == 1
    assert await slow.ask(polls=False) == 2
    assert await slow.ask() == 2
    assert await slow.ask("user=eve") == 3


async def test_tabs_that_poll_at_once_have_one_made() -> None:
    slow = Slow()
    assert await asyncio.gather(*(slow.ask() for _ in range(3))) == [1, 1, 1]


async def test_one_that_took_no_time_is_made_anew_and_so_is_one_of_the_future() -> None:
    slow = Slow()
    slow.takes = timedelta(0)
    assert [await slow.ask() for _ in range(2)] == [1, 2]
    slow.takes = timedelta(seconds=1)
    assert await slow.ask() == 3
    slow.clock.tick(timedelta(hours=-1))
    assert await slow.ask() == 4


async def test_no_more_lists_are_kept_than_a_bound() -> None:
    slow = Slow()
    slow.takes = timedelta(hours=1)
    for number in range(200):
        await slow.ask(f"user=u{number}")
    assert len(slow.lists._lists) < 100
