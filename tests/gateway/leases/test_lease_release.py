"""Leases that nobody uses here any longer, in a store of several processes that may lose them."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from structlog.testing import capture_logs

from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.lease_events import LeaseEvents
from sessiongate.gateway.leases.lease_release import LeaseRelease
from sessiongate.gateway.leases.logouts import Logouts
from sessiongate.gateway.leases.session_kind import LeaseTokens, SessionKind
from sessiongate.gateway.leases.stored_leases import SERVICE, StoredLeases
from sessiongate.secret import Secret
from sessiongate.store.embedded.lease_users import LeaseUserTable
from sessiongate.store.embedded.leases import MemoryLeases
from sessiongate.store.gateway_port import LeaseState, LeaseUse
from sessiongate.store.port import StoredLease
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.testing import FakeClock
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm

TOKEN = "7bea00000000000000000000000000000canary{:02d}"
FAR = timedelta(minutes=5)
KEY = "52a67ed8-0f0b-1714-4534-86a177fc51{:02d}"


class Rows(MemoryLeases):
    """Rows that say how often all of them were read."""

    def __init__(self, users: LeaseUserTable) -> None:
        super().__init__(users)
        self.readings = 0

    async def all(self) -> list[StoredLease]:
        self.readings += 1
        return await super().all()

    def forget(self) -> None:
        """What a store does that has lost its data."""
        self._table.clear()


class There:
    """An upstream that ends sessions, and what its leases go by besides: nothing."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def end(self, opened: UpstreamSession) -> str:
        self.ended.append(opened.token.reveal())
        return ""

    async def settled(self, _: Lease) -> None:
        pass


class Case:
    """One process of several."""

    def __init__(self, users: LeaseUserTable | None = None) -> None:
        self.users = users or LeaseUserTable()
        self.rows = Rows(self.users)
        self.there = There()
        ids = iter(range(100))
        self.stored = StoredLeases(
            *("vc1", self.rows, self.users, LeaseKey(bytes(32)), "here", FakeClock().now),
            lambda: f"lease-{next(ids)}",
        )
        kind, tokens = cast("SessionKind", self.there), cast("LeaseTokens", self.there)
        events = LeaseEvents("vc1", None)
        logouts = Logouts(kind, self.stored, events, UpstreamMeters())
        self.release = LeaseRelease(self.stored, tokens, logouts, events, shared=True)

    async def lease(self) -> Lease:
        row = await self.stored.reserve(SERVICE, 9)
        number = int(row.id.removeprefix("lease-"))
        user = UserSession(KEY.format(number), "svc", "", "en")
        opened = UpstreamSession(WireForm.SOAP, Secret(TOKEN.format(number)), user)
        await self.stored.fill(row, opened)
        return Lease(row.id, opened, asyncio.get_running_loop().time())

    async def second(self) -> None:
        """What is done once a second."""
        await self.stored.watch()
        self.release.tidy()
        await self.release.all_done()

    def shows(self, lease: Lease) -> bool:
        """Whether a reply with the token of this lease is noticed."""
        return self.stored.tokens.found_in(lease.session.token.reveal().encode())


@pytest.fixture
def case() -> Case:
    return Case()


async def test_sec_65_what_the_store_has_lost_is_logged_out_when_nothing_goes_by_it(
    case: Case,
) -> None:
    """Calls, waits and files alike: until then, no reply shows its token either."""
    lease = await case.lease()
    lease.used_by["k1"] = 1
    case.rows.forget()
    await case.release.gone(lease)
    for _ in range(3):
        await case.second()
    assert case.there.ended == []
    assert case.shows(lease)
    lease.used_by.clear()
    await case.second()
    assert case.there.ended == [TOKEN.format(0)]
    assert not case.shows(lease)


async def test_sec_92_the_token_of_another_process_is_forgotten_with_its_row(case: Case) -> None:
    await case.users.beat("there", FAR)
    lease = await case.lease()
    assert await case.users.attach(lease.id, "there") is LeaseState.OPEN
    await case.release.close(lease)
    await case.second()
    assert case.shows(lease)
    await case.rows.remove(lease.id)
    await case.second()
    assert not case.shows(lease)
    assert case.there.ended == []


async def test_to_let_go_of_one_lease_nobody_reads_all_rows(case: Case) -> None:
    """At a stop there may be a lease for each of a thousand callers."""
    await case.users.beat("there", FAR)
    others, last = await case.lease(), await case.lease()
    assert await case.users.attach(others.id, "there") is LeaseState.OPEN
    for lease in (others, last):
        await case.release.close(lease)
    assert case.there.ended == [last.session.token.reveal()]
    assert case.rows.readings == 0


async def test_sec_65_what_another_process_has_renewed_is_logged_out_by_the_new_token(
    case: Case,
) -> None:
    lease = await case.lease()
    (row,) = await case.rows.all()
    user = UserSession(KEY.format(0), "svc", "", "en")
    renewed = UpstreamSession(WireForm.SOAP, Secret(TOKEN.format(9)), user)
    other = StoredLeases(
        *("vc1", case.rows, case.users, LeaseKey(bytes(32)), "there", FakeClock().now, str)
    )
    await other.fill(row, renewed)
    await case.release.close(lease)
    assert case.there.ended == [TOKEN.format(9)]


async def test_sec_65_a_row_that_is_gone_at_the_end_of_its_use_is_logged_out_once(
    case: Case,
) -> None:
    lease = await case.lease()
    case.rows.forget()
    await case.release.close(lease)
    for _ in range(2):
        await case.second()
    assert case.there.ended == [TOKEN.format(0)]
    assert not case.shows(lease)


async def test_sec_65_what_could_not_be_kept_is_logged_out_once_whatever_else_is_let_go(
    case: Case,
) -> None:
    one, two = await case.lease(), await case.lease()
    case.rows.forget()
    await case.release.keep(one)
    await case.release.close(two)
    await case.release.all_done()
    assert case.there.ended == [TOKEN.format(0), TOKEN.format(1)]


@pytest.mark.parametrize("heard", ["let go", "at a stop", "looked"])
async def test_what_another_process_has_had_done_with_is_neither_lost_nor_logged_out_again(
    heard: str, case: Case
) -> None:
    lease = await case.lease()
    await case.users.beat("there", FAR)
    assert await case.users.attach(lease.id, "there") is LeaseState.OPEN
    await case.rows.remove(lease.id)
    with capture_logs() as lines:
        if heard == "let go":
            await case.release.close(lease)
        elif heard == "at a stop":
            await case.release.keep(lease)
        else:
            await case.release.gone(lease)
        await case.second()
    assert case.there.ended == []
    assert lines == []


async def test_the_token_of_a_lease_that_another_process_has_removed_is_forgotten(
    case: Case,
) -> None:
    lease = await case.lease()
    await case.users.beat("there", FAR)
    assert await case.users.attach(lease.id, "there") is LeaseState.OPEN
    await case.rows.remove(lease.id)  # the other one has seen that the upstream has ended it
    await case.release.gone(lease)
    for _ in range(3):
        await case.second()
    assert case.there.ended == []
    assert not case.shows(lease)


async def test_a_row_that_was_gone_and_is_back_is_logged_out_when_nothing_goes_by_it(
    case: Case,
) -> None:
    """Who lets go of it as the last one ends it: it is ENDING, so that nobody else will."""
    lease = await case.lease()
    lease.used_by["k1"] = 1
    await case.release.gone(lease)
    await case.second()
    assert case.there.ended == []
    lease.used_by.clear()
    await case.second()
    assert case.there.ended == [TOKEN.format(0)]
    assert await case.rows.all() == []
    assert not case.shows(lease)


async def test_a_row_that_comes_back_while_it_is_kept_is_left_to_the_next_start() -> None:
    case = Case(users=Late())
    lease = await case.lease()
    await case.release.keep(lease)
    assert case.users.uses[lease.id].state is LeaseState.OPEN
    assert case.users.uses[lease.id].instances == set()
    assert case.there.ended == []


async def test_what_takes_nobody_new_has_no_user_more(case: Case) -> None:
    """It may come to that between the look at it and its use."""
    lease = await case.lease()
    users = Retiring(lease.id)
    other = StoredLeases(
        *("vc1", case.rows, users, LeaseKey(bytes(32)), "there", FakeClock().now, str)
    )
    users.uses = case.users.uses
    assert await other.another(SERVICE, ()) is None
    assert users.uses[lease.id].instances == {"here"}
    assert users.uses[lease.id].state is LeaseState.RETIRED


class Late(LeaseUserTable):
    """Leases are back only when somebody has looked."""

    async def look(self) -> list[LeaseUse]:
        return []


class Retiring(LeaseUserTable):
    """A lease is retired as soon as somebody has looked."""

    def __init__(self, lease_id: str) -> None:
        super().__init__()
        self._lease_id = lease_id

    async def look(self) -> list[LeaseUse]:
        found = await super().look()
        await self.retire(self._lease_id)
        return found
