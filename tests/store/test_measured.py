"""A measured store keeps the promises of the store inside, and counts what is asked of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest

from sessiongate.errors import CapReached, StoreUnavailable
from sessiongate.rules.audit_chain import Chain
from sessiongate.session import Caps, Limits, Session, Ticket
from sessiongate.store.embedded.audit import MemoryAudit
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.measured import OPERATIONS, MeasuredStore
from sessiongate.store.port import Store, use_nowait_of
from sessiongate.telemetry.counters import Meters
from sessiongate.testing import (
    LIMITS,
    NO_CAPS,
    T0,
    ClientBookContract,
    GenerationContract,
    LeaseContract,
    LeaseUserContract,
    ManagerTokenContract,
    NoticeContract,
    StoreContract,
    TicketContract,
    a_lease,
    a_session,
    digest_of,
)
from tests.each import each
from tests.fake_store import FakeStore


class Measured:
    async def make(self, limits: Limits) -> Store:
        return MeasuredStore(MemoryStore(limits), Meters())


class TestSessions(Measured, StoreContract):
    pass


class TestTickets(Measured, TicketContract):
    pass


class TestGenerations(Measured, GenerationContract):
    pass


class TestNotice(Measured, NoticeContract):
    pass


class TestLeases(Measured, LeaseContract):
    pass


class TestLeaseUsers(Measured, LeaseUserContract):
    pass


class TestManagerTokens(Measured, ManagerTokenContract):
    pass


class TestClientBooks(Measured, ClientBookContract):
    pass


class BrokenAudit(MemoryAudit):
    """An audit whose store has gone away."""

    async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> NoReturn:
        raise StoreUnavailable("gone")


async def _gone(*_: Any, **__: Any) -> NoReturn:
    raise StoreUnavailable("gone")


class BrokenLeases:
    """Leases whose store has gone away."""

    shared = False
    reserve = replace = remove = all = look = turn = _gone
    find = used = uses = _gone


class Broken:
    """A store that has gone away: nothing can be found out."""

    def __init__(self) -> None:
        self.audit = BrokenAudit()
        self.leases: Any = BrokenLeases()
        self.lease_users: Any = self.leases
        self.manager_tokens: Any = self.leases

    use = peek = add = find = change = end = count = _gone
    expire = put = take = claim_once = advance = message = set_message = start = _gone

    async def list(self, now: datetime) -> AsyncIterator[Session]:
        yield a_session(at=now)
        raise StoreUnavailable("gone")

    async def close(self) -> None:
        pass

    def books(self, upstream: str) -> Any:
        return self.leases

    def notes(self, upstream: str) -> Any:
        return self.leases

    def attempts(self, provider: str, policies: object) -> None:
        return None

    def counts(self) -> dict[str, float]:
        return {"gone": 1}


Ask = Callable[[Store], Awaitable[object]]

ASKED: dict[str, Ask] = {
    "use": lambda store: store.use(digest_of("x"), T0),
    "peek": lambda store: store.peek(digest_of("x"), T0),
    "add": lambda store: store.add(a_session(), NO_CAPS),
    "find": lambda store: store.find("x", T0),
    "change": lambda store: store.change(a_session()),
    "end": lambda store: store.end("x"),
    "count": lambda store: store.count(),
    "expire": lambda store: store.expire(T0, 10),
    "put": lambda store: store.put(digest_of("x"), Ticket("clone", "x", T0 + timedelta(hours=1))),
    "take": lambda store: store.take(digest_of("x"), "clone", T0),
    "claim_once": lambda store: store.claim_once(digest_of("x"), T0 + timedelta(hours=1)),
    "advance": lambda store: store.advance(digest_of("x"), 1, T0 + timedelta(hours=1)),
    "message": lambda store: store.message(),
    "set_message": lambda store: store.set_message("x"),
    "reserve_lease": lambda store: store.leases.reserve(a_lease(), 9),
    "replace_lease": lambda store: store.leases.replace(one := a_lease(), one),
    "remove_lease": lambda store: store.leases.remove("x"),
    "find_lease": lambda store: store.leases.find("x"),
    "all_leases": lambda store: store.leases.all(),
    "lease_users": lambda store: store.lease_users.look(),
    "client_books": lambda store: store.books("vc1").turn("x", "x:1", "x", 0.0),
    "manager_tokens": lambda store: store.manager_tokens.find(digest_of("x")),
}


@each("name", ASKED)
async def test_each_operation_is_timed_under_its_name(name: str) -> None:
    meters = Meters()
    store = MeasuredStore(MemoryStore(LIMITS), meters)
    await store.start()
    await ASKED[name](store)
    await ASKED[name](store)
    counts = {one: sum(timing.buckets) for one, timing in meters.store_times.items()}
    assert counts == {"use": 0} | {name: 2}
    assert +meters.store_errors == {}
    await store.close()


@each("name", ASKED)
async def test_an_outage_is_counted_and_passed_on(name: str) -> None:
    meters = Meters()
    store = MeasuredStore(Broken(), meters)
    with pytest.raises(StoreUnavailable):
        await ASKED[name](store)
    assert +meters.store_errors == {name: 1}
    assert sum(meters.store_times[name].buckets) == 1


def test_a_use_at_once_is_timed_as_a_use_and_its_outage_counted() -> None:
    meters = Meters()
    inner = FakeStore()
    use = use_nowait_of(MeasuredStore(inner, meters))
    assert use is not None
    assert use(digest_of("nobody"), T0) is None
    inner.away.add("use")
    with pytest.raises(StoreUnavailable):
        use(digest_of("nobody"), T0)
    assert sum(meters.store_times["use"].buckets) == 2
    assert meters.store_errors["use"] == 1


def test_every_operation_is_seen_before_it_fails() -> None:
    meters = Meters()
    MeasuredStore(MemoryStore(LIMITS), meters)
    assert meters.store_errors == dict.fromkeys(OPERATIONS, 0)
    assert set(OPERATIONS) == ASKED.keys() | {"list", "audit"}


async def test_an_event_that_cannot_be_written_is_counted_and_one_that_can_is_kept() -> None:
    meters = Meters()
    with pytest.raises(StoreUnavailable):
        await MeasuredStore(Broken(), meters).audit.write(b"{}", T0)
    assert +meters.store_errors == {"audit": 1}
    assert "audit" not in meters.store_times


async def test_a_list_that_breaks_off_is_an_outage_too() -> None:
    meters = Meters()
    sessions = MeasuredStore(Broken(), meters).list(T0)
    assert (await anext(sessions)).login_at == T0
    with pytest.raises(StoreUnavailable):
        await anext(sessions)
    assert +meters.store_errors == {"list": 1}


async def test_a_cap_that_is_reached_is_an_answer() -> None:
    meters = Meters()
    store = MeasuredStore(MemoryStore(LIMITS), meters)
    caps = Caps(total=1)
    await store.add(a_session(), caps)
    with pytest.raises(CapReached):
        await store.add(a_session(), caps)
    assert +meters.store_errors == {}
    assert sum(meters.store_times["add"].buckets) == 2


def test_what_the_inner_store_counts_is_shown() -> None:
    assert MeasuredStore(Broken(), Meters()).counts() == {"gone": 1}


def test_a_store_that_keeps_no_leases_serves_as_long_as_nobody_asks_for_them() -> None:
    """As a package of somebody else's may bring it, made for an earlier version of the port."""

    class Earlier(Broken):
        def __init__(self) -> None:
            super().__init__()
            del self.leases

    store = MeasuredStore(Earlier(), Meters())
    assert store.counts() == {"gone": 1}
    with pytest.raises(AttributeError):
        _ = store.leases
