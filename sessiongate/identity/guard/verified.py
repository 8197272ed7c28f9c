"""Credentials that a slow check has found right a short while ago.

What is kept is a keyed BLAKE2b of provider, name, password and the credential's version, under a
key that only this process has: the table cannot be guessed at offline, nor be of use to another
process. Only successes are kept, for `keep` after the real check and no longer however often they
are used. Who drops a name, and when, is decided by the guard.
"""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from sessiongate.clock import Clock
from sessiongate.secret import Secret
from sessiongate.session import Principal

# A password changed at a directory that cannot tell us works here for this long.
LONGEST_KEEP = timedelta(minutes=5)

# About 5 MB of entries; more service accounts than any vCenter has.
SIZE = 10_000

# Addresses remembered for one credential; more than one account has at a time.
ADDRESSES = 32

_DIGEST_BYTES = 32


class _Verified(msgspec.Struct, frozen=True):
    names: frozenset[str]
    principal: Principal
    until: datetime
    addresses: set[str]
    counted: frozenset[str]
    failed_from: set[str]


class VerifiedCredentials:
    """A bounded table of right credentials; the oldest leave first. A `keep` of 0 keeps none."""

    def __init__(self, clock: Clock, keep: timedelta = LONGEST_KEEP, *, size: int = SIZE) -> None:
        if not timedelta(0) <= keep <= LONGEST_KEEP:
            raise ValueError(f"credentials are kept for at most {LONGEST_KEEP}")
        self._clock = clock
        self._keep = keep
        self._size = size
        self._secret = secrets.token_bytes(_DIGEST_BYTES)
        # In the order of keeping, which is the order of expiry.
        self._table: OrderedDict[bytes, _Verified] = OrderedDict()
        self._keys: dict[str, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._table)

    def key(self, provider: str, name: str, password: Secret, version: str = "") -> bytes:
        """What this credential is known by. Of no use without this process's secret."""
        said = password.reveal()
        # Each with its length: ("ab", "c") and ("a", "bc") must differ.
        lengths = f"{len(provider)} {len(name)} {len(said)} "
        data = (lengths + provider + name + said + version).encode("utf-8", "surrogatepass")
        return blake2b(data, key=self._secret, digest_size=_DIGEST_BYTES).digest()

    def get(self, key: bytes) -> Principal | None:
        """Who was verified with it, None if nobody was or too long ago."""
        verified = self._table.get(key)
        if verified is None:
            return None
        if self._clock.now() >= verified.until:
            self._forget(key)
            return None
        return verified.principal

    def is_new(self, key: bytes, address: str) -> bool:
        """Whether it is not `noted` yet that this credential, kept here, came in from there."""
        verified = self._table.get(key)
        if verified is None:
            return bool(not self._keep)
        return address not in verified.addresses and len(verified.addresses) < ADDRESSES

    def noted(self, key: bytes, address: str) -> None:
        """It has been written down that this credential came in from there."""
        verified = self._table.get(key)
        if verified is not None and len(verified.addresses) < ADDRESSES:
            verified.addresses.add(address)

    def failed(self, name: str, address: str) -> None:
        """A wrong password was tried for this name from here."""
        for key in self._keys.get(name, ()):
            failed_from = self._table[key].failed_from
            if len(failed_from) < ADDRESSES:
                failed_from.add(address)

    def has_failed(self, key: bytes, address: str) -> bool:
        """Whether a wrong password was tried from here since this was last asked."""
        verified = self._table.get(key)
        if verified is None or address not in verified.failed_from:
            return False
        verified.failed_from.discard(address)
        return True

    def counted(self, key: bytes) -> frozenset[str]:
        """The names against which the login counted that verified it."""
        verified = self._table.get(key)
        return frozenset() if verified is None else verified.counted

    def keep(
        self,
        key: bytes,
        name: str,
        principal: Principal,
        counted: frozenset[str] = frozenset(),
    ) -> None:
        """Remember a success, for `drop` to find by this name or by the principal's."""
        if not self._keep:
            return
        now = self._clock.now()
        self._forget(key)
        names = frozenset((name, principal.name))
        self._table[key] = _Verified(names, principal, now + self._keep, set(), counted, set())
        for each in names:
            self._keys.setdefault(each, set()).add(key)
        while len(self._table) > self._size or self._oldest().until <= now:
            self._forget(next(iter(self._table)))

    def empty(self) -> None:
        """Forget all of them."""
        self._table.clear()
        self._keys.clear()

    def drop(self, name: str) -> None:
        """Forget all credentials of this name."""
        for key in tuple(self._keys.get(name, ())):
            self._forget(key)

    def _oldest(self) -> _Verified:
        return next(iter(self._table.values()))

    def _forget(self, key: bytes) -> None:
        verified = self._table.pop(key, None)
        if verified is None:
            return
        for name in verified.names:
            self._keys[name].discard(key)
            if not self._keys[name]:
                del self._keys[name]
