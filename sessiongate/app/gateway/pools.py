"""What commands and the console ask of the gateway and tell it: pools, and who is at an upstream.

It speaks to the pools of this process.
"""

import asyncio
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from sessiongate.audit.event import COMMAND, EventDetails
from sessiongate.audit.journal import Journal
from sessiongate.config import Config
from sessiongate.errors import NotFound
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.stored_leases import PARENT
from sessiongate.gateway.upstream_gateway import UpstreamGateway
from sessiongate.operations.console.port import ClientLease
from sessiongate.service.sessions import Sessions, acting
from sessiongate.session import Ended, Session

# A key's first block tells sessions apart without spelling out the whole name.
_KEY_PREFIX = 8

_COMMAND_LINE = "command line"

MOST_PINS = 100
"""Clients that are told of as those who have something in leases."""


class PoolRow(msgspec.Struct, kw_only=True):
    """The sessions at one upstream."""

    name: str
    account: str
    mode: str
    standing: str
    size: int
    """Of each account."""
    accounts: int
    idle: int
    active: int
    pinned: int
    """Of the active ones, those in which clients have objects, and go by no other."""
    login: int
    broken: int
    parent: int
    """Those that clone tickets come from."""
    waiting: int
    oldest_wait_seconds: int
    """For how long the first of those that wait has waited."""
    waits: int
    clients: int
    objects: int
    breaker_open: bool
    problem: str | None
    """Why no login is tried, with the setting, the rule and the way out; None where one is."""


class AccountRow(msgspec.Struct, kw_only=True):
    """The sessions of one account at an upstream."""

    account: str
    size: int
    idle: int
    active: int
    pinned: int
    login: int
    broken: int
    waiting: int
    oldest_wait_seconds: int


class LeaseRow(msgspec.Struct, kw_only=True):
    """One session there, by our name for it."""

    lease: str
    account: str
    state: str
    age_seconds: int
    unused_seconds: int
    clients: int
    objects: int
    calls: int


class SessionThere(msgspec.Struct):
    """A session in the upstream's own list. `lease` is our name for one of ours, "" for others'."""

    key: str
    user: str
    user_agent: str
    ip_address: str
    login_at: str
    active_at: str
    ours: bool
    lease: str


class PoolCommands:
    """Answers the commands about pools and upstreams."""

    def __init__(
        self,
        config: Config,
        gates: Mapping[str, UpstreamGateway],
        sessions: Sessions,
        journal: Journal,
    ) -> None:
        self._config = config
        self._gates = gates
        self._sessions = sessions
        self._journal = journal

    def list(self) -> list[PoolRow]:
        """All pools."""
        return [self._row(name) for name in self._gates]

    def show(self, name: str) -> dict[str, object]:
        """One pool, with its `leases`, and its sessions by account. Raises NotFound."""
        row = self._row(name)
        now = asyncio.get_running_loop().time()
        accounts = self._gates[name].accounts
        leases = [
            _lease(pool.account, lease, now) for pool in accounts.pools for lease in pool.leases
        ]
        if accounts.parent is not None:
            leases += [_lease(PARENT.name, lease, now) for lease in accounts.parent.leases]
        told = {"leases": leases, "by_account": [_account(one) for one in accounts.pools]}
        return {**msgspec.structs.asdict(row), **told}

    def leases_of(self, clients: Sequence[str]) -> dict[str, ClientLease]:
        """By which lease each of these clients goes, as far as this process knows, by key."""
        found: dict[str, ClientLease] = {}
        for lease in (lease for gate in self._gates.values() for lease in _leases(gate)):
            for client in clients:
                if client in lease.homes or client in lease.used_by:
                    told = _client(lease, client)
                    # Of several the one that it is pinned to.
                    if client not in found or told.objects > found[client].objects:
                        found[client] = told
        return found

    def pins(self, name: str) -> Sequence[ClientLease]:
        """Who has most in the leases of one pool, that first. Raises NotFound."""
        told = (
            _client(lease, client)
            for lease in _leases(self._gate(name))
            for client in {*lease.homes, *lease.used_by}
        )
        return heapq.nlargest(MOST_PINS, told, key=lambda one: (one.objects, one.calls, one.client))

    async def pause(
        self, name: str, by: str, how: str = _COMMAND_LINE, detail: str = ""
    ) -> dict[str, object]:
        """Send nothing new."""
        return await self._stand(name, Standing.PAUSED, "pool paused", by, _details(how, detail))

    async def resume(
        self, name: str, by: str, how: str = _COMMAND_LINE, detail: str = ""
    ) -> dict[str, object]:
        """Send calls again, and try a password again that was refused."""
        return await self._stand(name, Standing.OPEN, "pool resumed", by, _details(how, detail))

    async def drain(
        self,
        name: str,
        by: str,
        how: str = _COMMAND_LINE,
        detail: str = "",
        *,
        force: bool,
        who: Session | None = None,
    ) -> dict[str, object]:
        """Log out what nobody has anything in, and the rest when they are done.

        `force` ends the sessions of clients that have; `who` is the session of
        whoever wants that at the console.
        """
        gate = self._gate(name)
        said = _details(how, detail)
        if who is not None:
            said.update(acting(who))
        told = await self._stand(name, Standing.DRAINING, "pool drained", by, said)
        ended = 0
        if force:
            clients = await gate.clients()
            ended = await self._sessions.end_each(clients, Ended.TERMINATED, by, said)
        return {**told, "ended": ended, "clients": len(await gate.clients())}

    async def rotate(
        self, name: str, by: str, how: str = _COMMAND_LINE, detail: str = ""
    ) -> dict[str, object]:
        """Replace each lease by a new one."""
        gate = self._gate(name)
        count = await gate.rotate()
        await self._happened("pool rotated", name, by, _details(how, detail))
        return {"name": name, "replaces": count, "standing": gate.accounts.standing.value}

    async def sessions(self, name: str) -> dict[str, object]:
        """The upstream's own list, as the observer or a lease sees it. Raises NotFound for none."""
        seen = await self._gate(name).sessions_there()
        rows = [
            SessionThere(
                one.key[:_KEY_PREFIX],
                one.user,
                one.user_agent,
                one.ip_address,
                _to_the_second(one.login_at),
                _to_the_second(one.active_at),
                one.key in seen.ours,
                seen.ours.get(one.key, ""),
            )
            for one in seen.sessions
        ]
        problem = self._gate(name).problem or None
        return {"seen_by": seen.by, "problem": problem, "sessions": rows}

    async def _stand(
        self, name: str, standing: Standing, what: str, by: str, said: EventDetails
    ) -> dict[str, object]:
        accounts = self._gate(name).accounts
        await self._gate(name).set_standing(standing)
        await self._happened(what, name, by, said)
        return {
            "name": name,
            "standing": standing.value,
            "leases": sum(len(pool.leases) for pool in accounts.pools),
            "waiting": sum(pool.waiting for pool in accounts.pools),
        }

    async def _happened(self, what: str, name: str, by: str, said: EventDetails) -> None:
        how, detail = said.get("how", ""), said.get("detail", "")
        await self._journal.happened(what, user=by, subject=name, how=how, detail=detail)

    def _gate(self, name: str) -> UpstreamGateway:
        gate = self._gates.get(name)
        if gate is None:
            known = ", ".join(sorted(self._gates)) or "none"
            raise NotFound(f"there is no upstream {name!r}; there are: {known}")
        return gate

    def _row(self, name: str) -> PoolRow:
        gate, settings = self._gate(name), self._config.upstream[name]
        now = gate.snapshot()
        return PoolRow(
            name=name,
            account=settings.account,
            mode="shared" if settings.shared else "session",
            standing=gate.accounts.standing.value,
            size=settings.size,
            accounts=len(gate.accounts.pools),
            idle=now.sessions["idle"],
            active=now.sessions["active"],
            pinned=_pinned(_leases(gate)),
            login=now.sessions["login"],
            broken=now.sessions["broken"],
            parent=now.sessions["parent"],
            waiting=now.waiters,
            oldest_wait_seconds=int(
                max((pool.oldest_wait for pool in gate.accounts.pools), default=0.0)
            ),
            waits=now.waits,
            clients=len(gate.clients_here()),
            objects=now.objects,
            breaker_open=now.breaker_open,
            problem=gate.problem or None,
        )


def _details(how: str, detail: str) -> EventDetails:
    said = EventDetails(how=how, detail=detail) if detail else EventDetails(how=how)
    if how == _COMMAND_LINE:
        said["by_provider"] = COMMAND
    return said


def _to_the_second(text: str) -> str:
    """A time that an upstream has written, in UTC; as it stands where it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    if at.tzinfo is None:
        return text
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _leases(gate: UpstreamGateway) -> Iterator[Lease]:
    for pool in gate.accounts.pools:
        yield from pool.leases


def _pinned(leases: Iterable[Lease]) -> int:
    """In how many of these clients have objects."""
    return sum(1 for lease in leases if any(lease.homes.values()))


def _client(lease: Lease, client: str) -> ClientLease:
    return ClientLease(lease.id, client, lease.homes.get(client, 0), lease.used_by.get(client, 0))


def _account(pool: Pool) -> AccountRow:
    states = pool.states()
    return AccountRow(
        account=pool.account,
        size=pool.limits.size,
        idle=states["idle"],
        active=states["active"],
        pinned=_pinned(pool.leases),
        login=states["login"],
        broken=states["broken"],
        waiting=pool.waiting,
        oldest_wait_seconds=int(pool.oldest_wait),
    )


def _lease(account: str, lease: Lease, now: float) -> LeaseRow:
    return LeaseRow(
        lease=lease.id,
        account=account,
        state=lease.state,
        age_seconds=int(now - lease.opened_at),
        unused_seconds=0 if lease.used_by else int(now - lease.freed_at),
        clients=len({*lease.homes, *lease.used_by}),
        objects=sum(lease.homes.values()),
        calls=sum(lease.used_by.values()),
    )
