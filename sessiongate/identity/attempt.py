"""One try to log in: who tries from where, and against which names it counts.

A try counts against the name that was typed, and against each further name that the provider finds
to be the same person. All of them get the outcome. Whether a name has a try left: `identity.tries`.
"""

from typing import Protocol, runtime_checkable

from sessiongate.clock import Clock
from sessiongate.errors import LockedOut
from sessiongate.identity.tries import Tries, Try
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal


class Attempt:
    """A try under way. `address` is the client's, "" where nobody knows it."""

    def __init__(self, tries: Tries, address: str, clock: Clock) -> None:
        self.address = address
        self._tries = tries
        self._clock = clock
        self._begun: dict[str, Try] = {}

    async def count(self, name: str) -> None:
        """Take a place for this try under one more name, before the password is looked at.

        Raises LockedOut where that name has none left, StoreUnavailable where nobody knows.
        """
        if name in self._begun:
            return
        begun = await self._tries.begin(name, self.address, self._clock.now())
        if begun is None:
            raise LockedOut("too many failed tries")
        self._begun[name] = begun

    async def failed(self) -> None:
        """It was wrong, under every name."""
        for begun in self._begun.values():
            await begun.failed(self._clock.now())

    async def succeeded(self) -> None:
        """It was right."""
        for begun in self._begun.values():
            await begun.succeeded(self._clock.now())

    async def unknown(self) -> None:
        """It had no outcome."""
        for begun in self._begun.values():
            await begun.unknown(self._clock.now())


@runtime_checkable
class TakesAttempts(Protocol):
    """A provider that may add: it is asked by `attempt`, and told of the try itself."""

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        """As `authenticate`. May count the try against further names, or be fair by address."""
        ...


@runtime_checkable
class Pretends(Protocol):
    """A provider that may add: how to spend the time of a refusal without its work."""

    async def pretend(self, password: Secret, address: str) -> None:
        """Take as long as refusing a wrong password from this address would take now.

        Raises Overloaded where that would.
        """
        ...
