"""The keys that an issuer of tokens signs with: where they are read, how long they are believed.

They are read when they are first needed, again in passing when they are no longer fresh, and once
more when a token names a key that is not among them, which is how issuers change keys. Names are
optional (RFC 7517, 4.5): where the token or the key has none, every key of a fitting kind is a
candidate, and a token that none of them has signed may have been signed with a newer one. All that
is bounded: strangers decide which key a token names. When an issuer cannot be reached, keys read
before stay good for a day; what they cannot decide is not known, and never a refusal.
"""

import asyncio
from codecs import BOM_UTF8
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from sessiongate.errors import (
    BadCredentials,
    ConfigError,
    IdentityUnavailable,
    UpstreamUnavailable,
)
from sessiongate.files import read_named
from sessiongate.upstream.http import LARGEST_BODY, HttpUpstream

PAUSE = timedelta(minutes=1)
"""At least so long after keys were read, before a token with an unknown key reads them again."""

RETRY = timedelta(seconds=10)
"""The same after a failure: a login that waits for the issuer takes up to as long."""

FRESH = timedelta(hours=1)
"""How long keys are used without a look. A key that was withdrawn is believed as long, at most."""

STALE = timedelta(days=1)
"""How long keys are used while the issuer cannot be reached."""

# Real sets hold two to a dozen.
MOST_KEYS = 64

FEW = 8
"""Keys that may be tried for one token. Issuers that name no keys list one to three of a kind."""

# Bits below which an RSA key can be broken (NIST SP 800-131A), and above which one is slow.
_LEAST_RSA, _MOST_RSA = 2048, 8192

KINDS = {
    "RS256": "RSA",
    "PS256": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
}
"""The algorithms there are here, and the kind of key of each, which is the curve where there is
one: all with a private key, none with a shared secret, and none without a key."""

Key = RSAKey | ECKey

_log = structlog.get_logger(__name__)


class KeySource(Protocol):
    """Where an issuer's key set (RFC 7517) is."""

    async def start(self) -> None:
        """Get ready to read. Raises ConfigError for what can be seen to be wrong."""
        ...

    async def read(self) -> bytes:
        """The set as it is now. Raises IdentityUnavailable."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class ListedKey(msgspec.Struct, frozen=True):
    """A key of the set, with what the set says of it.

    `algorithm` is "" for any of its kind, `id` is "" where the key has no name.
    """

    id: str
    algorithm: str
    kind: str
    key: Key


class IssuerKeys:
    """The keys of one issuer, as read from their source."""

    def __init__(self, name: str, source: KeySource) -> None:
        self._name = name
        self._source = source
        self._listed: tuple[ListedKey, ...] = ()
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._failed = False
        self._flight: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Get ready to read."""
        await self._source.start()

    async def close(self) -> None:
        """Stop reading."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        await self._source.close()

    async def of(self, identity: str | None, algorithm: str, now: datetime) -> list[Key]:
        """The keys that a token signed in this way can have been signed with.

        Raises BadCredentials when the issuer lists no such key, IdentityUnavailable when that
        could not be found out.
        """
        if self._read_at is None or now - self._read_at >= STALE:
            await self._renewed(now)
        elif now - self._read_at >= FRESH and self._may_read(now):
            self._start_reading(now)  # nobody need wait for it
        found = self._matching(identity, algorithm)
        if not found:
            if self._flight is not None or self._failed or self._may_read(now):
                await self._renewed(now)
            found = self._matching(identity, algorithm)
        if not found:
            raise BadCredentials("the token is signed with a key that its issuer does not list")
        return found

    async def newer(
        self, identity: str | None, algorithm: str, now: datetime, tried: Sequence[Key]
    ) -> list[Key]:
        """What else a token may have been signed with that none of `tried` has signed.

        Nothing, where one of those bears the name that the token gives. Raises IdentityUnavailable
        where that could not be found out.
        """
        if identity and any(one.id == identity for one in self._usable(algorithm)):
            return []
        if self._flight is not None or self._failed or self._may_read(now):
            await self._renewed(now)
        # Those of a set that has been read since are other objects.
        return [
            one
            for one in self._matching(identity, algorithm)
            if all(one is not each for each in tried)
        ]

    def _usable(self, algorithm: str) -> list[ListedKey]:
        return [
            one
            for one in self._listed
            if one.kind == KINDS[algorithm] and one.algorithm in ("", algorithm)
        ]

    def _matching(self, identity: str | None, algorithm: str) -> list[Key]:
        usable = self._usable(algorithm)
        if identity:
            named = [one for one in usable if one.id == identity]
            usable = named or [one for one in usable if not one.id]
        if len(usable) > FEW:
            raise BadCredentials(f"the token may be signed with any of more than {FEW} keys")
        return [one.key for one in usable]

    def _may_read(self, now: datetime) -> bool:
        pause = RETRY if self._failed else PAUSE
        return self._tried_at is None or now - self._tried_at >= pause

    async def _renewed(self, now: datetime) -> None:
        if self._flight is None and not self._may_read(now):
            raise IdentityUnavailable(f"the keys of {self._name} could not be read")
        flight = self._start_reading(now)
        try:
            await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled():  # and not whoever waits for it
                raise IdentityUnavailable("the verifier is closing") from None
            raise

    def _start_reading(self, now: datetime) -> asyncio.Task[None]:
        """Begin to read, once for all who want to know."""
        if self._flight is None:
            self._tried_at = now
            self._flight = asyncio.create_task(self._read(now))
            self._flight.add_done_callback(self._reading_done)
        return self._flight

    def _reading_done(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # seen, also where nobody waits for it

    async def _read(self, now: datetime) -> None:
        try:
            listed = keys_in(await self._source.read())
        except IdentityUnavailable as error:
            self._failed = True
            _log.warning("keys of an issuer could not be read", issuer=self._name, why=str(error))
            raise
        self._listed, self._read_at, self._failed = listed, now, False


def keys_in(document: bytes) -> tuple[ListedKey, ...]:
    """The usable keys of a set. Raises IdentityUnavailable where there are none."""
    try:
        found = msgspec.json.decode(document.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, RecursionError):
        raise IdentityUnavailable("the issuer's key set is no JSON") from None
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise IdentityUnavailable("the issuer's key set is none, or far too large")
    listed = tuple(one for entry in entries if (one := _listed(entry)) is not None)
    if not listed:
        raise IdentityUnavailable("the issuer's key set holds no usable key")
    return listed


def _listed(entry: object) -> ListedKey | None:
    """A key of the set, None for one that is for something else or not usable."""
    if not isinstance(entry, dict):
        return None
    # All but the kind is optional. Some writers say so by a null.
    given = {name: value for name, value in entry.items() if value is not None}
    if given.get("use", "sig") != "sig":
        return None
    kind, algorithm = given.get("kty"), given.get("alg", "")
    verifies = given.get("key_ops", ["verify"])
    if kind not in ("RSA", "EC") or not isinstance(algorithm, str):
        return None
    if not isinstance(verifies, list) or "verify" not in verifies:
        return None
    key = _public(kind, given)
    kind = kind if kind == "RSA" else str(given.get("crv"))
    return ListedKey(str(given.get("kid", "")), algorithm, kind, key) if key is not None else None


def _public(kind: str, entry: dict[str, Any]) -> Key | None:
    # No more than makes the public key: what else stands there is not asked for its opinion.
    wanted = ("n", "e") if kind == "RSA" else ("crv", "x", "y")
    bare = {"kty": kind, **{name: entry.get(name) for name in wanted}}
    if not all(isinstance(value, str) for value in bare.values()):
        return None
    # Six bits a letter. Looked at before the key is made, which warns of short ones.
    if kind == "RSA" and not _LEAST_RSA <= len(str(bare["n"])) * 6 <= _MOST_RSA + 6:
        return None
    if kind == "EC" and bare["crv"] not in KINDS.values():
        return None
    try:
        return RSAKey.import_key(bare) if kind == "RSA" else ECKey.import_key(bare)  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError):
        return None


# Where sets are


class FileSource:
    """A key set in a file, read again whenever an issuer's would be."""

    def __init__(self, setting: str, path: Path) -> None:
        self._setting = setting
        self._path = path

    async def start(self) -> None:
        """Raises ConfigError for a file that holds no usable key."""
        try:
            keys_in(await self.read())
        except IdentityUnavailable as wrong:
            raise ConfigError(
                [f"{self._setting}: must be a file with a key set: {wrong}"]
            ) from None

    async def read(self) -> bytes:
        """The file."""
        try:
            return read_named(self._path, LARGEST_BODY)  # some kilobytes, off no network
        except OSError as wrong:
            raise IdentityUnavailable(f"the file cannot be read: {wrong.strerror}") from None

    async def close(self) -> None:
        """Nothing is held."""


class UrlSource:
    """A key set at an address of its own."""

    def __init__(self, upstream: HttpUpstream, path: str) -> None:
        self._upstream = upstream
        self._path = path

    async def start(self) -> None:
        """Get ready to call."""
        await self._upstream.start()

    async def read(self) -> bytes:
        """What is there."""
        return await _fetch(self._upstream, self._path)

    async def close(self) -> None:
        """Close connections."""
        await self._upstream.close()


class DiscoveredSource:
    """A key set at the address that the issuer itself names (OpenID Connect Discovery)."""

    def __init__(self, upstream: HttpUpstream, issuer: str) -> None:
        self._upstream = upstream
        self._issuer = issuer

    async def start(self) -> None:
        """Get ready to call."""
        await self._upstream.start()

    async def read(self) -> bytes:
        """What is there. The address must be on the issuer's own host."""
        path = path_of(self._issuer).rstrip("/")
        document = await _fetch(self._upstream, f"{path}/.well-known/openid-configuration")
        found: object = None
        with suppress(msgspec.DecodeError, RecursionError):
            found = msgspec.json.decode(document.removeprefix(BOM_UTF8))
        if not isinstance(found, dict) or found.get("issuer") != self._issuer:
            raise IdentityUnavailable("what the issuer says of itself is of another issuer")
        address = found.get("jwks_uri")
        try:
            if isinstance(address, str) and origin_of(address) == origin_of(self._issuer):
                return await _fetch(self._upstream, path_of(address))
        except ValueError:
            pass
        raise IdentityUnavailable("the issuer's keys are at another host; set jwks_url")

    async def close(self) -> None:
        """Close connections."""
        await self._upstream.close()


def origin_of(address: str) -> str:
    """The server of an address: `https://host[:port]`. Raises ValueError."""
    parts = urlsplit(address)
    if parts.port == 0 or not parts.hostname:
        raise ValueError("an address without a server")
    return f"{parts.scheme}://{parts.netloc}".lower()


def path_of(address: str) -> str:
    """The path of an address, with its query."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def _fetch(upstream: HttpUpstream, path: str) -> bytes:
    try:
        answer = await upstream.get(path)
    except UpstreamUnavailable as down:
        raise IdentityUnavailable(f"the issuer does not answer: {down}") from None
    if answer.status != 200:
        raise IdentityUnavailable(f"the issuer answers with {answer.status}")
    return answer.body
