"""The guard round any identity provider: lockout, even timing, and no check paid for twice.

In this order: a locked name is refused in the time of a check; a credential verified a short while
ago is let in without one; the same credential being checked right now waits for that one check;
else a try is reserved and the provider asked. An outage counts for nothing.

How many tries, and when a lock opens: `rules.lockout`. The counters: `attempt_counters`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol, runtime_checkable

import msgspec

from sessiongate.clock import Clock
from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    LockedOut,
    SessionGateError,
    StoreUnavailable,
    Unavailable,
)
from sessiongate.identity.guard.attempt import Attempt, Pretends, TakesAttempts
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.guard.overlapping import OverlappingChanges
from sessiongate.identity.guard.pace import Pace
from sessiongate.identity.guard.verified import VerifiedCredentials
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import Account, parse_account, plain_letters
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.store.port import AttemptStore

# Names that are remembered to exist: of a directory's, those that were tried here.
_MOST_NAMES = 50_000


@runtime_checkable
class KnowsNames(Protocol):
    """Optional protocol of a provider: names that are one person, and versions of credentials."""

    def name_of(self, account: Account) -> str:
        """The one name under which tries of this account count, whether it exists or not."""
        ...

    async def version_of(self, account: Account) -> str:
        """A text that changes with the account's credential and rights, "" where it has none."""
        ...


@runtime_checkable
class MayBeDown(Protocol):
    """Optional protocol of a provider that can be unreachable."""

    @property
    def is_down(self) -> bool:
        """Whether it is taken to be so."""
        ...


class Guard:
    """An identity provider whose names lock after too many failures.

    A refusal without a check takes as long as one with it: as the provider itself says
    (`Pretends`), else as its late refusals took; before there was one, `dummy` is done, which is
    to cost what a check costs. `verified` may be shared by all guards; without it each login is
    checked.

    One check serves all who ask the same at once, without a lock, since between two awaits nobody
    else runs. Looking for a check and starting one therefore stand together:

        flight = self._flights.get(key)         # an await from here to the next line would let a
        self._flights[key] = flight or start()  # second caller find none, and pay a second check

    For the same reason nothing is awaited between a provider's "yes" and keeping it: a change of
    the account that comes later drops it again.
    """

    def __init__(
        self,
        name: str,
        inner: IdentityProvider,
        clock: Clock,
        *,
        dummy: Callable[[Secret], Awaitable[object]],
        lockout: Lockout | None = None,
        tries: AttemptStore | None = None,
        verified: VerifiedCredentials | None = None,
        each_login: bool = False,
    ) -> None:
        """`each_login`: a check opens what one login alone may have; only refusals are shared."""
        self.name = name
        self._each_login = each_login
        self._inner = inner
        self._names = inner if isinstance(inner, KnowsNames) else None
        self._attempts = inner if isinstance(inner, TakesAttempts) else None
        self._pretends = inner if isinstance(inner, Pretends) else None
        self._pace = Pace()
        self._clock = clock
        self._dummy = dummy
        self._tries = LocalAttempts(lockout or Lockout()) if tries is None else tries
        # Not `or`: an empty table is falsy.
        self._verified = VerifiedCredentials(clock, timedelta(0)) if verified is None else verified
        self._flights: dict[bytes, _Flight] = {}
        self._changes = OverlappingChanges[str]()
        self._existing: set[str] = set()
        """Names that the provider has known. Only it can add one, so no guesser fills this."""
        self.hits = 0
        """Logins let in by a credential verified a short while ago."""
        self.lockouts = 0
        """Logins refused because the name was locked."""
        # First of all who are told: nothing may be let in by what has just been changed.
        inner.on_change(self._changed)

    @property
    def is_down(self) -> bool:
        """Whether the provider was found to be away, and is not asked for the time being."""
        return isinstance(self._inner, MayBeDown) and self._inner.is_down

    async def authenticate(
        self, account: Account, password: Secret, address: str = ""
    ) -> Principal:
        """Who this is. Raises BadCredentials, LockedOut, IdentityUnavailable or Overloaded.

        `address` is the client's: a name is locked for one address long before it is for all.
        """
        name = self.name_of(account)
        try:
            return await self._admit(name, account, password, address)
        except SessionGateError as refused:
            # After all that takes the time: here nobody can tell one name from another.
            if not refused.known and not await self._exists(name, account):
                raise
            # Not on the same one: all who wait for one check are told by one error.
            raise refused.of_somebody(self.name, name) from refused.__cause__

    async def _admit(
        self, name: str, account: Account, password: Secret, address: str
    ) -> Principal:
        if await self._tries.is_locked(name, address, self._clock.now()):
            return await self._refuse(password, address)
        version = await self._version_of(account)
        # No await from here to the flight, see the class.
        key = self._verified.key(self.name, _spelled(name, account), password, version)
        principal = self._verified.get(key)
        further = self._verified.counted(key) - {name}
        if principal is not None and not (further and await self._is_any_locked(further, address)):
            self.hits += 1
            # Only where this process has seen a failure: a login let in so costs nothing else.
            if self._verified.has_failed(key, address):
                await self._clear(key, name, address)
            if self._verified.is_new(key, address):
                await self._welcome(key, self._verified.counted(key) | {name}, address)
            return principal
        flight = self._flights.get(key)
        while flight is not None and self._each_login:
            await _arrival(flight.task)
            flight = self._flights.get(key)
        if flight is None:
            attempt = Attempt(self._tries, address, self._clock)
            check = self._check(key, name, account, password, attempt)
            flight = self._start_flight(key, attempt, check)
        with self._changes.meanwhile() as changed:
            principal = await _arrival(flight.task)
            _refuse_changed(changed, name, principal)
        if flight.attempt.address != address:  # its own address the check has noted
            await self._welcome(key, flight.attempt.names | {name}, address)
        return principal

    async def find(self, account: Account) -> Principal | None:
        """As the provider says."""
        return await self._inner.find(account)

    def on_change(self, tell: Callable[[str], None]) -> None:
        """As the provider says."""
        self._inner.on_change(tell)

    async def start(self) -> None:
        """As the provider says."""
        await self._inner.start()

    async def close(self) -> None:
        """Give up the checks under way and close the provider."""
        flights = [flight.task for flight in self._flights.values()]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._inner.close()

    async def unlock(self, typed: str) -> bool:
        """Let this name try again, from anywhere. False if nothing was held against it.

        And the person whom the provider knows by it. Raises BadCredentials for what is no name.
        """
        account = parse_account(typed)
        names = {self.name_of(account)}
        with suppress(Unavailable):  # then the name alone
            found = await self._inner.find(account)
            names |= {found.name} if found is not None else set()
        names |= set(map(plain_letters, names))
        return any([await self._tries.unlock(name, self._clock.now()) for name in names])

    async def locked(self) -> dict[str, datetime]:
        """The names locked for somebody, and until when."""
        return await self._tries.locked(self._clock.now())

    def name_of(self, account: Account) -> str:
        """The one name under which tries of this account count, whether it exists or not."""
        return self._names.name_of(account) if self._names else account.canonical

    async def _exists(self, name: str, account: Account) -> bool:
        """Whether this name is known to exist, without asking a directory for it."""
        if name in self._existing:
            return True
        with suppress(Unavailable):
            return bool(await self._version_of(account))
        return False

    def _remember(self, name: str) -> None:
        if len(self._existing) >= _MOST_NAMES:
            self._existing.clear()
        self._existing.add(name)

    async def _version_of(self, account: Account) -> str:
        return await self._names.version_of(account) if self._names else ""

    async def _is_any_locked(self, further: frozenset[str], address: str) -> bool:
        """Whether one of the further names is locked against which this credential was counted.

        It would else be guessed at under another name of the same person, without end.
        """
        for name in further:
            if await self._tries.is_locked(name, address, self._clock.now()):
                return True
        return False

    async def _clear(self, key: bytes, name: str, address: str) -> None:
        """Forget what failed from here, as after any right password.

        Somebody who has just taken the last try is no reason to refuse.
        """
        attempt = Attempt(self._tries, address, self._clock)
        try:
            with suppress(LockedOut):
                for each in {name, *self._verified.counted(key)}:
                    await attempt.count(each)
            await attempt.succeeded()
        except StoreUnavailable:  # at the next login, then
            self._verified.failed(name, address)
            raise

    async def _welcome(self, key: bytes, names: frozenset[str], address: str) -> None:
        """Note that these names came in from here, where no check of its own has done so."""
        if self._verified.is_new(key, address):
            for each in names:
                await self._tries.welcome(each, address, self._clock.now())
            # Only now: where the store fails, the next login from here notes it.
            self._verified.noted(key, address)

    async def _refuse(self, password: Secret, address: str) -> Principal:
        self.lockouts += 1
        await self._pretend(password, address)
        raise LockedOut("too many failed tries")

    async def _pretend(self, password: Secret, address: str) -> None:
        """Take as long as a check that refuses, without a place in anybody's queue."""
        if self._pretends is not None:
            await self._pretends.pretend(password, address)
        elif (span := self._pace.like_one()) is not None:
            await asyncio.sleep(span)
        else:
            await self._dummy(password)

    def _start_flight(
        self, key: bytes, attempt: Attempt, check: Coroutine[None, None, Principal]
    ) -> "_Flight":
        # A task of its own: a client that hangs up neither takes its failure back nor stops the
        # check for others who wait for the same.
        flight = _Flight(asyncio.create_task(check), attempt)
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._flight_done(key, flight))
        return flight

    def _flight_done(self, key: bytes, flight: "_Flight") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]  # cancelled before it began
        if not flight.task.cancelled():
            flight.task.exception()  # seen, also where nobody waits any more

    async def _check(
        self, key: bytes, name: str, account: Account, password: Secret, attempt: Attempt
    ) -> Principal:
        """Reserve a try, ask the provider, and keep the books.

        Runs once for all who ask the same meanwhile.
        """
        try:
            await attempt.count(name)
        except LockedOut:
            return await self._refuse(password, attempt.address)
        try:
            with self._changes.meanwhile() as changed:
                principal = await self._ask(account, password, attempt)
                _refuse_changed(changed, name, principal)
            # No await between the outcome and this, see the class.
            self._verified.keep(key, name, principal, attempt.names)
        except (BadCredentials, LockedOut) as refused:
            if refused.known:
                self._remember(name)
            if isinstance(refused, LockedOut):
                self._verified.drop(name)
            # A wrong password drops nothing: a guesser must not cost the owner the cheap way in.
            self._flights.pop(key, None)
            for each in attempt.names:
                self._verified.failed(each, attempt.address)
            await attempt.refused(refused)
            raise
        except BaseException:  # an outage, or the client has gone: neither yes nor no
            self._flights.pop(key, None)
            await attempt.unknown()
            raise
        # At once: who comes after the outcome must not be answered by it.
        self._flights.pop(key, None)
        self._remember(name)
        await attempt.succeeded()
        self._verified.noted(key, attempt.address)
        return principal

    async def _ask(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        if not password.reveal():
            # To a directory an empty password is an anonymous bind, which succeeds.
            await self._pretend(password, attempt.address)
            raise BadCredentials("an empty password")
        began = perf_counter()
        try:
            if self._attempts is not None:
                return await self._attempts.attempt(account, password, attempt)
            return await self._inner.authenticate(account, password)
        except BadCredentials:
            self._pace.note(perf_counter() - began)
            raise
        except LockedOut:  # under a further name, or at the directory: in the same time
            self.lockouts += 1
            span = self._pace.like_one()
            if span is not None:
                await asyncio.sleep(max(0, began + span - perf_counter()))
            raise

    def empty(self) -> None:
        """Forget what was verified, and what is held against names in this process."""
        self._verified.empty()
        if isinstance(self._tries, LocalAttempts):
            self._tries.empty()

    def forget(self, name: str) -> None:
        """Ask the provider at this name's next login, whatever was verified a while ago."""
        self._verified.drop(name)

    def _changed(self, name: str) -> None:
        self._verified.drop(name)
        self._changes.tell(name)


class _Flight(msgspec.Struct, frozen=True, eq=False):
    """One check under way, for all who ask the same meanwhile."""

    task: asyncio.Task[Principal]
    attempt: Attempt
    """Of the one who asked first. Its names are complete when the task is done."""


def _refuse_changed(changed: Collection[str], name: str, principal: Principal) -> None:
    """Raise IdentityUnavailable if it has changed: what was found out is no longer true."""
    if name in changed or principal.name in changed:
        raise IdentityUnavailable("the account changed while it was checked")


def _spelled(name: str, account: Account) -> str:
    """The name as verified credentials tell it apart: two people may have one name for counting."""
    if account.typed.isascii():  # of these no two people have one
        return name
    asked = account.asked
    return name if asked.lower() == account.user else f"{name}\0{asked}"


async def _arrival(flight: asyncio.Task[Principal]) -> Principal:
    try:
        return await asyncio.shield(flight)
    except asyncio.CancelledError:
        if flight.cancelled():
            raise IdentityUnavailable("the provider is closing") from None
        raise
