"""How many wrong tokens came from each address: for tokens that are known by their digest.

Such a token has 256 random bits and is not guessed. What is bounded is what strangers cost: from an
address with too many wrong ones only tokens that are known are looked at. These go on there, so
that nobody behind the same address is shut out.
"""

from collections import OrderedDict

from sessiongate.clock import Clock
from sessiongate.networks import network_of
from sessiongate.rules import lockout
from sessiongate.rules.lockout import NO_ATTEMPTS, AttemptCount, Policy

TOO_MANY = "too many wrong tokens came from this address"

_MOST = 10_000
"""Addresses that are remembered, about 3 MB."""


class WrongTokens:
    """Counts by address, an IPv6 network being one."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._wrong: OrderedDict[str, AttemptCount] = OrderedDict()

    def locked(self, address: str) -> bool:
        """Whether too many came from there lately."""
        count = self._wrong.get(network_of(address), NO_ATTEMPTS)
        return lockout.is_locked(count, self._clock.now())

    def note(self, address: str) -> None:
        """One more."""
        place = network_of(address)
        count = self._wrong.pop(place, NO_ATTEMPTS)
        self._wrong[place] = lockout.failed(count, self._policy, self._clock.now())
        if len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)
