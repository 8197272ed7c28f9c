"""Who asks the session manager for a clone ticket: one token says so, and nothing else.

A token of ours is known by its digest, from a file of the settings or from the store, which other
servers take it out of. One of a Kubernetes service account is verified. What is none is counted by
its address. Beyond a bound, tokens that are known already are looked at there still, and those
that by their claims may be an account's are verified at a bounded rate: so nobody has the rest
verified at our cost, and no known client is shut out by another behind the same address.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec

from sessiongate.clock import Clock
from sessiongate.errors import BadCredentials, LockedOut, Unavailable
from sessiongate.networks import network_of
from sessiongate.rules import pace
from sessiongate.rules.lockout import Policy
from sessiongate.rules.pace import Bucket, Rate
from sessiongate.rules.token import MANAGER_PREFIX, is_manager_token
from sessiongate.secret import Secret
from sessiongate.service.wrong_tokens import TOO_MANY, WrongTokens
from sessiongate.store.manager_port import ManagerTokens

_MOST_PACES = 10_000
"""Clients whose pace is remembered, and locked addresses."""

_MOST_VERIFIED = 1_000
"""Service accounts' tokens that are remembered, by digest: those that were verified last."""

_VERIFIED_FOR = 60.0
"""Seconds for which one is not verified again."""

LOOKS = Rate(200, 1)
"""How often tokens that are new are verified for an address that is locked: at 60 µs for one that
is forged, one hundredth of a processor. Fewer, and whoever forges as fast as a script can keeps the
new tokens of those behind the same address out.
"""

LONGEST = 32 * 1024
"""Letters of a token that is looked at."""


class ManagerCaller(msgspec.Struct, frozen=True):
    """A client that has shown its token."""

    name: str
    """What logs and audit call it."""
    digest: bytes
    """Of its token."""
    upstreams: frozenset[str]
    """Where it gets tickets."""


class VerifiedAccount(Protocol):
    """A verified service account."""

    @property
    def cluster(self) -> str:
        """The name of its cluster in the settings."""
        ...

    @property
    def subject(self) -> str:
        """Its name in the cluster."""
        ...

    @property
    def expires_at(self) -> float:
        """Until when its token is good, in seconds since 1970."""
        ...


class AccountVerifier(Protocol):
    """The service accounts that may come."""

    def may_be(self, token: Secret) -> bool:
        """Whether this could be the token of one, by what it says itself."""
        ...

    async def verify(self, token: Secret, now: datetime) -> VerifiedAccount:
        """Whose token it is. Raises BadCredentials or IdentityUnavailable."""
        ...


Kept = Callable[[], Mapping[bytes, ManagerCaller]]
"""The clients whose tokens stand in files at this moment, by their digests."""


class ManagerClients:
    """Knows clients by their tokens, and how often each may ask. `now` is in seconds."""

    def __init__(
        self,
        tokens: ManagerTokens,
        in_files: Kept,
        accounts: AccountVerifier,
        clusters: Mapping[str, frozenset[str]],
        clock: Clock,
        now: Callable[[], float],
        rate: Rate,
        policy: Policy,
    ) -> None:
        """`clusters` are the upstreams of each; `policy` is for wrong tokens of one address."""
        self._tokens = tokens
        self._in_files = in_files
        self._accounts = accounts
        self._clusters = clusters
        self._clock = clock
        self._now = now
        self._rate = rate
        self._wrong = WrongTokens(policy, clock)
        self._paces: OrderedDict[str, Bucket] = OrderedDict()
        self._looks: OrderedDict[str, Bucket] = OrderedDict()
        self._verified: OrderedDict[bytes, tuple[ManagerCaller, float, float]] = OrderedDict()
        """With until when it need not be verified again, and until when it is good."""

    async def identify(self, token: Secret | None, address: str) -> ManagerCaller:
        """Whose token it is.

        Raises BadCredentials, LockedOut where too many wrong ones came from there, and Unavailable
        where that could not be found out.
        """
        if token is None or len(token.reveal()) > LONGEST:
            raise BadCredentials("no token, or none that could be one")
        known = await self._find(token)
        if known is not None:
            with suppress(Unavailable):  # when it was used is for people to read
                await self._tokens.used(known.digest, self._clock.now())
            return known
        digest = token.digest()
        if (verified := self._remembered(digest)) is not None:
            return verified
        is_locked = self._wrong.locked(address)
        if is_locked and not self._is_looked_at(token, digest, network_of(address)):
            raise LockedOut(TOO_MANY)
        try:
            return await self._account(token, digest)
        except BadCredentials:
            self._verified.pop(digest, None)
            self._wrong.note(address)
            raise

    def spend(self, caller: ManagerCaller) -> int:
        """Count a request of this client. 0, or after how many seconds it may ask again."""
        return self._spend(self._paces, caller.name, self._rate)

    def _spend(self, buckets: OrderedDict[str, Bucket], name: str, rate: Rate) -> int:
        bucket = buckets.pop(name, None) or pace.full(rate, self._now())
        buckets[name], wait = pace.spend(bucket, rate, self._now())
        if len(buckets) > _MOST_PACES:
            buckets.popitem(last=False)
        return wait

    async def _find(self, token: Secret) -> ManagerCaller | None:
        if not is_manager_token(token.reveal()):
            return None
        digest = token.digest()
        of_file = self._in_files().get(digest)
        if of_file is not None:
            return of_file
        stored = await self._tokens.find(digest)
        if stored is None:
            return None
        return ManagerCaller(stored.name, digest, frozenset(stored.scopes))

    def _remembered(self, digest: bytes) -> ManagerCaller | None:
        caller, until, good = self._verified.get(digest, (None, 0.0, 0.0))
        fresh = self._now() < until and self._clock.now().timestamp() < good
        return caller if fresh else None

    def _is_looked_at(self, token: Secret, digest: bytes, place: str) -> bool:
        """Whether it is verified although its address is locked."""
        _, _, good = self._verified.get(digest, (None, 0.0, 0.0))
        if self._clock.now().timestamp() < good:
            return True
        return self._accounts.may_be(token) and not self._spend(self._looks, place, LOOKS)

    async def _account(self, token: Secret, digest: bytes) -> ManagerCaller:
        if token.reveal().startswith(MANAGER_PREFIX):
            raise BadCredentials("the token is unknown, or was revoked")
        account = await self._accounts.verify(token, self._clock.now())
        name = f"{account.cluster}/{account.subject}"
        caller = ManagerCaller(name, digest, self._clusters[account.cluster])
        self._verified.pop(digest, None)
        self._verified[digest] = caller, self._now() + _VERIFIED_FOR, account.expires_at
        if len(self._verified) > _MOST_VERIFIED:
            self._verified.popitem(last=False)
        return caller
