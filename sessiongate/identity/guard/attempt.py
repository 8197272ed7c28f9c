"""One try to log in: who tries from where, and against which names it counts.

A try counts against the name that was typed, and against each further name that the provider finds
to be the same person. All of them get the outcome. Whether a name has a try left: `identity.tries`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from sessiongate.clock import Clock
from sessiongate.errors import BadCredentials, LockedOut
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.store.port import AttemptStore, ReservedAttempt


class Attempt:
    """A try under way. `address` is the client's, "" where nobody knows it."""

    def __init__(self, tries: AttemptStore, address: str, clock: Clock) -> None:
        self.address = address
        self._tries = tries
        self._clock = clock
        self._reserved: dict[str, ReservedAttempt] = {}
        self._was_full = False

    async def count(self, name: str) -> None:
        """Take a place for this try under one more name, before the password is looked at.

        Raises LockedOut where that name has none left, StoreUnavailable where nobody knows.
        """
        if name in self._reserved:
            return
        further = bool(self._reserved)  # one try of its address, under however many names
        begun = await self._tries.begin(name, self.address, self._clock.now(), further=further)
        if begun is None:
            self._was_full = True
            raise LockedOut("too many failed tries", answered=False)
        self._reserved[name] = begun

    @property
    def returning(self) -> bool:
        """Whether one of the names had come in from this address lately."""
        return any(begun.returning for begun in self._reserved.values())

    @property
    def names(self) -> frozenset[str]:
        """The names that it counts against."""
        return frozenset(self._reserved)

    async def refused(self, error: BadCredentials | LockedOut) -> None:
        """The login was refused: a failed guess, or for a reason that says nothing of the password.

        Nothing was tried where one of the names had no try left, so the others do not pay for it.
        """
        is_guess = error.guess if isinstance(error, BadCredentials) else not self._was_full
        await (self.failed() if is_guess else self.unknown())

    async def failed(self) -> None:
        """It was wrong, under every name."""
        await self._end_each(lambda begun: begun.failed(self._clock.now()))

    async def succeeded(self) -> None:
        """It was right."""
        await self._end_each(lambda begun: begun.succeeded(self._clock.now()))

    async def unknown(self) -> None:
        """It had no outcome."""
        await self._end_each(lambda begun: begun.unknown(self._clock.now()))

    async def _end_each(self, tell: Callable[[ReservedAttempt], Awaitable[None]]) -> None:
        # All at once: it shall not show in the time under how many names somebody is known.
        await asyncio.gather(*map(tell, self._reserved.values()))


@runtime_checkable
class TakesAttempts(Protocol):
    """Optional protocol of a provider that wants the attempt itself: called instead of
    `authenticate`.
    """

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        """As `authenticate`. May count the try against further names, or be fair by address."""
        ...


@runtime_checkable
class Pretends(Protocol):
    """Optional protocol of a provider that can take the time of a refusal without its work."""

    async def pretend(self, password: Secret, address: str) -> None:
        """Take as long as refusing a wrong password from this address would take now.

        Raises Overloaded where that would.
        """
        ...
