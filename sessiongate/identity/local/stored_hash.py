"""Password hashes as they are stored: argon2id in the PHC form, each with its own cost.

`$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. A hash made anew from the same password says so: the
second half of its salt is the digest of the hash that it replaces. So whoever sees the record
change, on this server or another one, can tell a new cost from a new password, and ends nobody's
sessions for it; a salt need only be unlike others, and the first half is 16 random bytes.
"""

import re
import secrets
from base64 import b64decode, b64encode
from hashlib import sha256

import argon2
import msgspec
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from sessiongate.errors import IdentityUnavailable

_SALT_BYTES = 16
_HASH_BYTES = 32
_MARK_BYTES = 16
# The most memory a stored hash may ask of us (1 GiB): a typing error must not exhaust the machine.
_MOST_MEMORY_KIB = 1024 * 1024
_STORED = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})"
    r"\$([A-Za-z0-9+/]{11,86})\$[A-Za-z0-9+/]{22,86}"
)

# Its own settings are those of making hashes; what verifies takes the cost of the hash.
_VERIFIER = argon2.PasswordHasher()


class Cost(msgspec.Struct, frozen=True, order=False):
    """What an argon2id hash costs."""

    memory_kib: int
    passes: int
    lanes: int

    @property
    def work(self) -> tuple[int, int]:
        """The dearer, the larger: kibibytes written in all passes, and how many of them at once."""
        return self.memory_kib * self.passes, self.memory_kib

    def __str__(self) -> str:
        return f"m={self.memory_kib},t={self.passes},p={self.lanes}"


def is_stored_hash(text: str) -> bool:
    """Whether this reads as an argon2id hash that we would verify."""
    match = _STORED.fullmatch(text)
    return match is not None and int(match[1]) <= _MOST_MEMORY_KIB


def cost_of(stored: str) -> Cost:
    """What verifying this hash costs. Raises IdentityUnavailable for what is no hash."""
    match = _STORED.fullmatch(stored)
    if match is None:
        raise IdentityUnavailable("a stored password hash cannot be verified")
    return Cost(int(match[1]), int(match[2]), int(match[3]))


def make_hash(password: bytes, cost: Cost, after: str = "") -> str:
    """A hash to store, of the same password as `after` where that is a hash. Slow."""
    salt = secrets.token_bytes(_SALT_BYTES) + (_mark(after) if after else b"")
    hasher = argon2.PasswordHasher(
        cost.passes, cost.memory_kib, cost.lanes, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
    )
    return hasher.hash(password, salt=salt)


def replaces(new: str, old: str) -> bool:
    """Whether the one hash says that it was made from the password of the other one."""
    match = _STORED.fullmatch(new)
    if match is None or len(match[4]) != _length_of(_SALT_BYTES + _MARK_BYTES):
        return False
    padded = match[4] + "=" * (-len(match[4]) % 4)
    return b64decode(padded)[_SALT_BYTES:] == _mark(old)


def matches(stored: str, password: bytes) -> bool:
    """Whether this password made this hash. Slow. Raises IdentityUnavailable for a broken one."""
    try:
        return _VERIFIER.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as broken:
        raise IdentityUnavailable("a stored password hash cannot be verified") from broken


def unmatched_hash(cost: Cost) -> str:
    """Random bytes in the form of a hash of this cost, which no known password matches.

    Made without hashing: for refusals that take the time of a verification.
    """
    salt, digest = (_base64(secrets.token_bytes(size)) for size in (_SALT_BYTES, _HASH_BYTES))
    return f"$argon2id$v=19${cost}${salt}${digest}"


def _mark(stored: str) -> bytes:
    return sha256(stored.encode("ascii")).digest()[:_MARK_BYTES]


def _length_of(size: int) -> int:
    return len(_base64(bytes(size)))


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii").rstrip("=")
