"""The memory store keeps the promises of every store, and its own bounds."""

from datetime import timedelta

import pytest

from sessiongate.errors import Overloaded
from sessiongate.session import Caps, Limits
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.port import Store
from sessiongate.testing import (
    LIMITS,
    T0,
    ClientBookContract,
    GenerationContract,
    LeaseContract,
    LeaseUserContract,
    ManagerTokenContract,
    NoteContract,
    NoticeContract,
    StoreContract,
    TicketContract,
    a_session,
)


class InMemory:
    async def make(self, limits: Limits) -> Store:
        return MemoryStore(limits)


class TestSessions(InMemory, StoreContract):
    pass


class TestTickets(InMemory, TicketContract):
    pass


class TestGenerations(InMemory, GenerationContract):
    pass


class TestNotice(InMemory, NoticeContract):
    pass


class TestLeases(InMemory, LeaseContract):
    pass


class TestLeaseUsers(InMemory, LeaseUserContract):
    pass


class TestManagerTokens(InMemory, ManagerTokenContract):
    pass


class TestClientBooks(InMemory, ClientBookContract):
    pass


class TestNotes(InMemory, NoteContract):
    pass


async def test_use_never_suspends() -> None:
    store = MemoryStore(LIMITS)
    session = a_session()
    await store.add(session, Caps())
    with pytest.raises(StopIteration) as done:
        store.use(session.digest, T0).send(None)
    assert done.value.value.key == session.key


async def test_a_session_added_twice_is_our_own_bug() -> None:
    store = MemoryStore(LIMITS)
    session = a_session()
    await store.add(session, Caps())
    with pytest.raises(ValueError, match="already kept"):
        await store.add(session, Caps())


async def test_no_limit_at_all_is_a_limit_too() -> None:
    store = MemoryStore(Limits(idle=timedelta.max))
    session = a_session()
    await store.add(session, Caps())
    assert await store.use(session.digest, T0 + timedelta(days=90_000)) is not None


def test_the_errors_of_a_full_ticket_table_ask_to_come_back() -> None:
    assert Overloaded.retry_after == 1
