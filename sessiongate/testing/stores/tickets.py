"""What every store promises about tickets."""

import asyncio
from datetime import timedelta

from sessiongate.session import Ticket
from sessiongate.store.port import TicketStore
from sessiongate.testing.clock import T0, TICK
from sessiongate.testing.sessions import a_ticket, digest_of, everyone
from sessiongate.testing.stores.contract import Contract


class TicketContract(Contract):
    """What every store promises about tickets."""

    async def test_sec_16_of_fifty_who_take_a_ticket_one_gets_it(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("ticket"), ticket)
            taken = await take_all(store, digest_of("ticket"), 50)
            assert taken == [ticket]
            assert await store.take(digest_of("ticket"), "clone", T0) is None

    async def test_sec_16_a_ticket_is_no_session(self) -> None:
        async with self.opened() as store:
            await store.put(digest_of("ticket"), a_ticket())
            assert await store.use(digest_of("ticket"), T0) is None
            assert await everyone(store, T0) == {}

    async def test_sec_16_the_wrong_kind_neither_gets_nor_uses_it(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("ticket"), ticket)
            assert await store.take(digest_of("ticket"), "local", T0) is None
            assert await store.take(digest_of("ticket"), "clone", T0) == ticket

    async def test_sec_16_a_ticket_is_over_at_its_limit_and_stays_over(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("early"), ticket)
            await store.put(digest_of("late"), ticket)
            assert await store.take(digest_of("early"), "clone", ticket.expires_at - TICK) == ticket
            assert await store.take(digest_of("late"), "clone", ticket.expires_at) is None
            await store.expire(ticket.expires_at, 10)
            assert await store.take(digest_of("late"), "clone", T0) is None

    async def test_sec_54_of_fifty_who_set_a_mark_one_is_the_first(self) -> None:
        async with self.opened() as store:
            until = T0 + timedelta(minutes=5)
            answers = await asyncio.gather(
                *(store.claim_once(digest_of("one"), until) for _ in range(50))
            )
            assert sorted(answers) == [False] * 49 + [True]
            assert await store.claim_once(digest_of("another"), until)

    async def test_sec_54_a_mark_is_no_ticket_and_no_session(self) -> None:
        async with self.opened() as store:
            assert await store.claim_once(digest_of("one"), T0 + timedelta(minutes=5))
            for kind in ("clone", "service", "local"):
                assert await store.take(digest_of("one"), kind, T0) is None
            assert await store.use(digest_of("one"), T0) is None
            assert not await store.claim_once(digest_of("one"), T0 + timedelta(minutes=5))

    async def test_sec_54_a_mark_stays_until_it_expires(self) -> None:
        async with self.opened() as store:
            until = T0 + timedelta(minutes=5)
            assert await store.claim_once(digest_of("one"), until)
            await store.expire(until - TICK, 10)
            assert not await store.claim_once(digest_of("one"), until)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert not await second.claim_once(digest_of("one"), until)

    async def test_sec_16_tickets_stay_used_and_unused_after_a_restart(self) -> None:
        async with self.opened() as store:
            ticket = a_ticket()
            await store.put(digest_of("used"), ticket)
            await store.put(digest_of("unused"), ticket)
            await store.take(digest_of("used"), "clone", T0)
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await second.take(digest_of("used"), "clone", T0) is None
                    assert await second.take(digest_of("unused"), "clone", T0) == ticket


async def take_all(store: TicketStore, digest: bytes, takers: int) -> list[Ticket]:
    """What so many takers at once get of one ticket."""
    taken = await asyncio.gather(*(store.take(digest, "clone", T0) for _ in range(takers)))
    return [ticket for ticket in taken if ticket is not None]
