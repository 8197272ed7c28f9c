"""The session that clone tickets come from: one, kept alive, replaced, logged out, not lent."""

import asyncio

import pytest

from sessiongate.errors import Overloaded, UpstreamUnavailable
from sessiongate.gateway.accounts import Accounts
from sessiongate.gateway.credentials.passwords import REFUSED
from sessiongate.gateway.leases.lease import LeaseTimes
from sessiongate.gateway.leases.parent import LINGER, Parent
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import PARENT, SERVICE, person_of
from sessiongate.secret import Secret
from sessiongate.store.gateway_port import LeaseUse
from tests.gateway.test_accounts import (
    House,
    Make,
    Rows,
    clock,
    house,
    make,
    recover,
    rows_of,
    server,
)
from tests.loop_time import LoopTime
from tests.until import until
from tests.upstream.fakes import FakeServer

__all__ = ["clock", "house", "make", "rows_of", "server"]

HOUR = 3600.0
TIMES = LeaseTimes(idle_close=1e9, max_age=23 * HOUR, keep_alive=600.0)


@pytest.fixture
async def time(monkeypatch: pytest.MonkeyPatch) -> LoopTime:
    return LoopTime(monkeypatch)


def parent_of(accounts: Accounts) -> Parent:
    assert accounts.parent is not None
    return accounts.parent


async def ticket(accounts: Accounts) -> str:
    return (await parent_of(accounts).ticket("csi")).reveal()


async def passes(accounts: Accounts, time: LoopTime, seconds: float, step: float = 60.0) -> None:
    """So much time, in which the gateway looks after its sessions again and again."""
    parent = parent_of(accounts)
    for _ in range(int(seconds / step)):
        time.tick(step)
        accounts.tidy()
        await until(lambda: not parent.opening and parent.idle)


async def test_each_ticket_is_acquired_when_it_is_asked_for_and_is_another(
    house: House, make: Make, rows_of: Rows
) -> None:
    accounts = make(service=True)
    assert not house.alive
    one, other = await asyncio.gather(ticket(accounts), ticket(accounts))
    assert one != other
    assert {one, other} == house.tickets, "none more was acquired"
    (row,) = await rows_of.all()
    assert person_of(row) == PARENT
    assert row.sealed


async def test_sec_92_a_ticket_that_was_handed_out_is_shown_to_no_client(
    make: Make,
) -> None:
    accounts = make(service=True)
    one, tokens = await ticket(accounts), accounts._rows.tokens
    assert tokens.found_in(f"<info>{one}</info>".encode())
    assert not tokens.found_in(f"<info>{one[:-1]}</info>".encode())


async def test_sec_56_of_many_who_ask_at_once_one_logs_in(house: House, make: Make) -> None:
    accounts = make(service=True)
    tickets = await asyncio.gather(*(ticket(accounts) for _ in range(200)))
    assert len(set(tickets)) == 200
    assert house.made == 1


async def test_sec_63_a_dead_one_is_found_and_replaced_by_one_login_for_all(
    house: House, make: Make, rows_of: Rows
) -> None:
    accounts = make(service=True)
    await ticket(accounts)
    house.alive.clear()
    tickets = await asyncio.gather(*(ticket(accounts) for _ in range(200)))
    assert len(set(tickets)) == 200
    assert house.made == 2
    assert len(await rows_of.all()) == 1


async def test_a_dead_one_that_nobody_asks_is_found_by_a_probe(
    house: House, make: Make, time: LoopTime
) -> None:
    accounts = make(service=True, times=TIMES)
    await ticket(accounts)
    house.alive.clear()
    time.tick(601)
    accounts.tidy()
    await until(lambda: not parent_of(accounts).leases)
    accounts.tidy()
    await until(lambda: len(house.alive) == 1)


async def test_sec_64_in_two_days_it_is_used_and_replaced_and_no_ticket_fails(
    house: House, make: Make, time: LoopTime, rows_of: Rows
) -> None:
    accounts = make(service=True, times=TIMES, size=3)
    parent = parent_of(accounts)
    most = 0
    for hour in range(48):
        if hour % 5 == 0:
            assert await ticket(accounts)
        await passes(accounts, time, HOUR, 600.0)
        most = max(most, len(house.alive))
    assert house.made in (3, 4)
    assert most <= 2
    assert house.probes > 200
    await passes(accounts, time, 2 * LINGER)
    assert len(house.alive) == len(await rows_of.all()) == len(parent.leases) == 1


async def test_the_new_one_comes_first_and_the_old_one_goes_a_minute_after_its_last_ticket(
    house: House, make: Make, time: LoopTime
) -> None:
    accounts = make(service=True, times=TIMES)
    await ticket(accounts)
    (old,) = parent_of(accounts).leases
    assert accounts.rotate() == 1
    accounts.tidy()
    await until(lambda: len(house.alive) == 2)
    await until(lambda: not parent_of(accounts).opening)
    await ticket(accounts)
    assert parent_of(accounts).leases[0] is not old
    time.tick(LINGER - 5)
    accounts.tidy()
    assert old in parent_of(accounts).leases, "nobody logs it out yet"
    assert old.session.token.reveal() in house.alive
    time.tick(10)
    accounts.tidy()
    await until(lambda: old.session.token.reveal() not in house.alive)
    assert len(house.alive) == 1


async def test_a_refused_password_is_tried_once_for_pool_and_parent(
    house: House, make: Make, time: LoopTime
) -> None:
    """Requirement 58: whoever asks, and however often."""
    said = ["old"]
    accounts = make(service=True, password=lambda: Secret(said[0]))
    house.password = "right"
    pool = accounts.pools[0]
    answers = await asyncio.gather(
        *(parent_of(accounts).ticket("csi") for _ in range(20)),
        *(pool.take(f"k{number}", home=True) for number in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(one, UpstreamUnavailable) for one in answers)
    assert house.refused == 1
    for _ in range(30):
        time.tick(10)
        accounts.tidy()
        with pytest.raises(UpstreamUnavailable) as refused:
            await ticket(accounts)
        assert 1 <= refused.value.retry_after <= REFUSED
    assert house.refused == 1
    assert accounts.snapshot(0, 0).breaker_open
    said[0] = "right"
    accounts.tidy()
    assert await ticket(accounts)
    assert house.refused == 1


async def test_it_counts_in_the_size_and_no_call_goes_by_it(house: House, make: Make) -> None:
    accounts = make(service=True, size=2)
    await ticket(accounts)
    pool = accounts.pools[0]
    lease = await pool.take("k1", home=True)
    waiting = asyncio.create_task(pool.take("k2", home=True))
    await until(lambda: pool.waiting == 1)
    accounts.tidy()
    assert not pool.opening
    assert len(house.alive) == 2
    assert lease not in parent_of(accounts).leases
    pool.give_back("k1", lease)
    pool.hold("k1", 0)
    assert await waiting is lease
    pool.give_back("k2", lease)
    assert accounts.snapshot(0, 0).sessions["parent"] == 1


async def test_sec_57_a_pool_that_is_full_makes_room(house: House, make: Make) -> None:
    accounts = make(service=True, size=2)
    pool = accounts.pools[0]
    leases = [await pool.take(f"k{number}", home=True) for number in range(2)]
    for number, lease in enumerate(leases):
        pool.give_back(f"k{number}", lease)
    assert len(house.alive) == 2
    parent_of(accounts).wanted = True
    accounts.tidy()
    for number, lease in enumerate(leases):
        pool.settle(f"k{number}", lease)
        pool.hold(f"k{number}", 0)
    await until(lambda: len(pool.leases) == 1)
    await ticket(accounts)
    await until(lambda: len(house.alive) == 2)


async def test_with_room_for_one_session_there_is_none_for_tickets(make: Make) -> None:
    assert make(service=True, size=1).parent is None
    assert make().parent is None


async def test_an_upstream_that_is_slow_is_given_up_in_time(
    house: House, make: Make, server: FakeServer, time: LoopTime
) -> None:
    accounts = make(service=True)
    await ticket(accounts)
    server.gate.clear()
    asked = len(server.asked)
    waiting = asyncio.create_task(ticket(accounts))
    await server.has_read(asked + 1)
    time.tick(4.1)
    with pytest.raises(UpstreamUnavailable):
        await waiting
    server.gate.set()
    assert await ticket(accounts)
    assert len(house.alive) == 1


async def test_one_who_leaves_breaks_no_login_off_for_the_others(
    house: House, make: Make, server: FakeServer
) -> None:
    accounts = make(service=True)
    server.gate.clear()
    first = asyncio.create_task(ticket(accounts))
    await server.has_read(1)
    second = asyncio.create_task(ticket(accounts))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    server.gate.set()
    assert await second
    assert house.made == 1


async def test_while_an_operator_has_it_paused_or_drained_there_are_no_tickets(
    house: House, make: Make, time: LoopTime
) -> None:
    accounts = make(service=True, times=TIMES)
    await ticket(accounts)
    for standing in (Standing.PAUSED, Standing.DRAINING):
        accounts.set_standing(standing)
        with pytest.raises(Overloaded) as refused:
            await ticket(accounts)
        told = standing.refusal()
        assert (refused.value.says, refused.value.retry_after) == (told.says, told.retry_after)
        assert told.retry_after >= 15
    await passes(accounts, time, 2 * LINGER)
    await until(lambda: not house.alive)
    accounts.set_standing(Standing.OPEN)
    assert await ticket(accounts)


@pytest.mark.parametrize("standing", [Standing.PAUSED, Standing.DRAINING])
async def test_sec_65_one_that_is_opened_meanwhile_is_not_left(
    standing: Standing, house: House, make: Make, server: FakeServer, time: LoopTime
) -> None:
    accounts = make(service=True, times=TIMES)
    server.gate.clear()
    asking = asyncio.create_task(ticket(accounts))
    await server.has_read(1)
    accounts.set_standing(standing)
    server.gate.set()
    with pytest.raises(Overloaded):
        await asking
    assert house.made == 1
    assert not house.tickets
    await passes(accounts, time, 2 * LINGER)
    if standing is Standing.DRAINING:
        await until(lambda: not house.alive)
    accounts.set_standing(Standing.OPEN)
    assert await ticket(accounts)
    assert len(house.alive) == 1


async def test_one_that_comes_while_the_store_is_asked_is_kept(house: House, make: Make) -> None:
    """What the store has said before it was there is no word of it."""
    accounts = make(service=True, shared=True)
    parent = parent_of(accounts)
    known, uses = parent.leases, dict[str, LeaseUse]()
    await ticket(accounts)
    parent.sync(known, uses)
    assert await ticket(accounts)
    assert house.made == 1


async def test_sec_65_one_that_a_killed_process_has_left_is_logged_out(
    house: House, make: Make, rows_of: Rows
) -> None:
    await ticket(make(service=True))
    again = make(service=True)
    await recover(again)
    await until(lambda: not house.alive)
    assert await ticket(again)
    (row,) = await rows_of.all()
    assert person_of(row) == PARENT != SERVICE


async def test_sec_65_a_stop_logs_all_of_them_out(house: House, make: Make) -> None:
    accounts = make(service=True, times=TIMES)
    await ticket(accounts)
    accounts.rotate()
    accounts.tidy()
    await until(lambda: len(house.alive) == 2)
    await accounts.close(keep=True)
    assert not house.alive


async def looks(accounts: Accounts, rows_of: Rows) -> None:
    """As the gateway does each second: say that it runs, and hear what the store says."""
    known = parent_of(accounts).leases
    uses = {one.lease: one for one in await rows_of.users.look()}
    parent_of(accounts).sync(known, uses)
    accounts.tidy()


async def test_processes_of_one_store_share_one(house: House, make: Make, rows_of: Rows) -> None:
    one, other = make(service=True, shared=True), make(service=True, shared=True)
    tickets = await asyncio.gather(*(ticket(each) for each in (one, other) for _ in range(20)))
    assert len(set(tickets)) == 40
    assert house.made == 1
    await one.close()
    assert len(house.alive) == 1, "the other uses it on"
    assert await ticket(other)
    await other.close()
    assert not house.alive


async def test_one_that_a_process_replaces_is_replaced_for_all(
    house: House, make: Make, rows_of: Rows, time: LoopTime
) -> None:
    one, other = (make(service=True, shared=True, times=TIMES) for _ in range(2))
    await ticket(one)
    await ticket(other)
    one.rotate()
    one.tidy()
    await until(lambda: house.made == 2 and not parent_of(one).opening)
    await looks(other, rows_of)
    assert await ticket(other)
    assert house.made == 2
    for _ in range(3):
        time.tick(LINGER + 1)
        for each in (one, other):
            await looks(each, rows_of)
    await until(lambda: len(house.alive) == 1)
    assert await ticket(one)
    assert house.made == 2


async def test_a_dead_one_is_dead_for_all(house: House, make: Make, rows_of: Rows) -> None:
    one, other = make(service=True, shared=True), make(service=True, shared=True)
    await ticket(one)
    await ticket(other)
    house.alive.clear()
    await asyncio.gather(*(ticket(each) for each in (one, other) for _ in range(10)))
    assert house.made == 2
