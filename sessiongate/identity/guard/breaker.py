"""Before a provider that is called over a network: turns by address, and a breaker for outages.

A provider that was down several times in a row is left alone for a while: whoever logs in
meanwhile learns at once when to come back, instead of waiting for one more timeout. Afterwards one
check at a time goes through, until one gets an answer. A refusal of the provider's own is an
answer, and so is an error that is about one account only. The guard in front counts no outage as
a failed guess.

Not for providers that answer from this machine: they have no outages worth waiting for.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from math import ceil
from typing import TypeVar

import structlog

from sessiongate.clock import Clock
from sessiongate.errors import IdentityUnavailable, Refused
from sessiongate.identity.guard.attempt import Attempt, TakesAttempts
from sessiongate.identity.guard.fair_turns import FairTurns
from sessiongate.identity.guard.guard import KnowsNames
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal

T = TypeVar("T")

OUTAGES = 5
"""Outages in a row that trip the breaker: more than a restart of one server behind a name."""

COOL_DOWN = timedelta(seconds=10)
"""As long as one check may take: a provider that hangs costs one waiting client per while."""

CHECKS = 32
"""Checks of one provider at once. vCenter serves 160 logins at once, to everybody together."""

WAITING = 16 * CHECKS
"""Checks that wait for their turn. A provider that takes 100 ms has seen to them in two seconds."""

PATIENCE = timedelta(seconds=10)
"""How long a check may wait for its turn. Clients of vSphere give up after 30 seconds or later."""

_log = structlog.get_logger(__name__)


class Breaker:
    """An identity provider that is asked by so many at once, and not at all while it is down.

    A provider whose `find` asks nobody says so by an attribute `looks_up = False`.
    """

    def __init__(
        self,
        name: str,
        inner: IdentityProvider,
        clock: Clock,
        *,
        outages: int = OUTAGES,
        cool_down: timedelta = COOL_DOWN,
        checks: int = CHECKS,
        patience: timedelta = PATIENCE,
    ) -> None:
        self.name = name
        self._inner = inner
        self._names = inner if isinstance(inner, KnowsNames) else None
        self._attempts = inner if isinstance(inner, TakesAttempts) else None
        # Where finding asks nobody it works during an outage, and says nothing about its end.
        self._looks_up = bool(getattr(inner, "looks_up", True))
        self._clock = clock
        self._limit = outages
        self._cool_down = cool_down
        self._turns = FairTurns(
            checks, WAITING, patience.total_seconds(), f"identity provider {name!r}"
        )
        self._outages = 0
        self._until: datetime | None = None
        self._probing = False

    @property
    def is_down(self) -> bool:
        """Whether it was down several times in a row, and has not answered since."""
        return self._until is not None

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """As the provider says; IdentityUnavailable at once while it is down.

        Overloaded where so many wait that the answer would come too late.
        """
        return await self._ask(lambda: self._inner.authenticate(account, password))

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        """As `authenticate`, by `attempt` of the provider where it has one."""
        asks, address = self._attempts, attempt.address
        if asks is None:
            principal = await self._ask(
                lambda: self._inner.authenticate(account, password), address
            )
        else:
            principal = await self._ask(lambda: asks.attempt(account, password, attempt), address)
        self._turns.welcome(address)
        return principal

    async def find(self, account: Account) -> Principal | None:
        """As the provider says; IdentityUnavailable at once while it is down."""
        if not self._looks_up:
            return await self._inner.find(account)
        return await self._ask(lambda: self._inner.find(account))

    def on_change(self, tell: Callable[[str], None]) -> None:
        """As the provider says."""
        self._inner.on_change(tell)

    async def start(self) -> None:
        """As the provider says."""
        await self._inner.start()

    async def close(self) -> None:
        """As the provider says."""
        await self._inner.close()

    def name_of(self, account: Account) -> str:
        """As the provider says, where it says anything about names."""
        return self._names.name_of(account) if self._names else account.canonical

    async def version_of(self, account: Account) -> str:
        """As the provider says, where it says anything about names."""
        return await self._names.version_of(account) if self._names else ""

    async def _ask(self, ask: Callable[[], Awaitable[T]], address: str = "") -> T:
        self._refuse_while_down()
        async with self._turns.turn(address):
            # It may have gone down while we waited.
            self._refuse_while_down()
            probe = self._until is not None
            if probe:
                self._probing = True
            try:
                answer = await ask()
            except IdentityUnavailable as error:
                if error.answered:
                    self._answered()
                else:
                    self._was_down()
                raise
            except Refused as refused:
                # Refused without being asked, by a lock of ours for one, it may still be down.
                if refused.answered:
                    self._answered()
                raise
            finally:
                if probe:
                    self._probing = False
            self._answered()
            return answer

    def _refuse_while_down(self) -> None:
        if self._until is None:
            return
        rest = self._until - self._clock.now()
        if rest > timedelta(0) or self._probing:
            raise IdentityUnavailable(
                f"identity provider {self.name!r} is down",
                retry_after=max(1, ceil(rest.total_seconds())),
            )

    def _was_down(self) -> None:
        self._outages += 1
        if self._outages < self._limit:
            return
        if self._until is None:
            _log.error("identity provider is down", provider=self.name, outages=self._outages)
        self._until = self._clock.now() + self._cool_down

    def _answered(self) -> None:
        if self._until is not None:
            _log.info("identity provider is back", provider=self.name)
        self._outages = 0
        self._until = None
