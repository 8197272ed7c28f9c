"""Who only looks at an upstream has a session for as long as that takes."""

import pytest

from sessiongate.errors import StoreUnavailable, UpstreamUnavailable
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import person_of
from sessiongate.gateway.observer import OBSERVER, Observer
from tests.gateway.test_accounts import (
    ADA,
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
from tests.until import until

__all__ = ["clock", "house", "make", "rows_of", "server"]


def observer_of(make: Make) -> Observer:
    observer = make(observed=True).observer
    assert observer is not None
    return observer


async def test_a_look_has_a_session_of_its_own_and_a_row_before_it(
    house: House, make: Make, rows_of: Rows
) -> None:
    observer = observer_of(make)
    async with observer.session() as lease:
        (row,) = await rows_of.all()
        assert (row.id, person_of(row)) == (lease.id, OBSERVER)
        assert row.sealed
        assert house.alive == {lease.session.token.reveal()}
    assert not house.alive
    assert not await rows_of.all()
    rows_of.reserves = False
    with pytest.raises(StoreUnavailable):
        async with observer.session():
            pass
    assert house.made == 1


async def test_a_look_that_fails_leaves_nothing(house: House, make: Make, rows_of: Rows) -> None:
    observer = observer_of(make)
    with pytest.raises(ZeroDivisionError):
        async with observer.session():
            raise ZeroDivisionError
    assert not house.alive
    house.password = "another"
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable):
            async with observer.session():
                pass
    assert house.refused == 1
    assert not await rows_of.all()


async def test_a_refused_observer_is_tried_again_when_the_pool_is_resumed(
    house: House, make: Make
) -> None:
    accounts = make(observed=True)
    assert accounts.observer is not None
    house.password = "another"
    with pytest.raises(UpstreamUnavailable):
        async with accounts.observer.session():
            pass
    house.password = ""
    accounts.set_standing(Standing.OPEN)
    async with accounts.observer.session() as lease:
        assert lease.session.token.reveal() in house.alive


async def test_an_observer_that_was_killed_is_logged_out_by_the_next_start(
    house: House, make: Make, rows_of: Rows
) -> None:
    async with observer_of(make).session():
        again = make(observed=True)
        await recover(again)
        await until(lambda: not house.alive)
        await again.close()
    assert not await rows_of.all()


async def test_callers_do_not_go_by_the_observers_session(house: House, make: Make) -> None:
    accounts = make(observed=True)
    await accounts.adopt(ADA, house.opened())
    assert accounts.observer is not None
    async with accounts.observer.session() as lease:
        assert all(lease not in pool.leases for pool in accounts.pools)
        assert len(accounts.pools) == 1
