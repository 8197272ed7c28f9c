"""Credentials of leases, sealed for the store: AES-256-GCM, bound to the lease that they belong to.

Whoever reads the store has ciphertext, and a row that was moved to another lease, upstream or
account does not open. The key is in a file of its own, which servers that share a store share.
"""

import hmac
import os
import secrets
import stat
import struct
from pathlib import Path
from typing import NoReturn

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessiongate.errors import ConfigError
from sessiongate.files import open_named, open_own, read_or_make
from sessiongate.secret import Secret
from sessiongate.store.port import StoredLease

KEY_BYTES = 32

KEY_NAME = "gateway.key"
"""The key's file in the data directory, where the settings name none."""

_SETTING = "gateway.key_file"
_ANOTHER = "openssl rand -hex 32 makes another, and leases that the old one has sealed are given up"

# 96 random bits for each sealing, as GCM has it: good for 2^32 of them under one key.
_NONCE = 12

# What all that is sealed begins with, so that another form can be told apart.
_FORM = b"\x01"

# Far above the key and a line end, far below what hurts.
_LONGEST = 1024

# An account with the group may read it, as mounted secrets have it; to change it is nobody else's.
_OTHERS = stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


class NotOpened(Exception):
    """What is sealed of a lease cannot be opened: another key has sealed it, or it was changed."""


class Credentials(msgspec.Struct, frozen=True):
    """How a lease is used at its upstream."""

    form: str
    """The wire form that the token is for."""
    key: Secret
    """The upstream's own name for the session. No credential, and not for logs either."""
    token: Secret
    rest_path: str = ""
    """Where the session of the Automation API beside it was opened; "" where there is none."""
    rest_token: Secret = Secret("")
    server: str = ""
    """Where it is a credential: scheme, host and port. "" of what was sealed without it."""
    refresh: Secret = Secret("")
    """What another token is had by; "" for none."""
    times: str = ""
    """How long these are good, as whoever renews them has written it; "" for no such time."""


class _Plain(msgspec.Struct, frozen=True, omit_defaults=True):
    """Credentials as they are written before they are encrypted."""

    form: bytes
    key: bytes
    token: bytes
    rest_path: bytes = b""
    rest_token: bytes = b""
    server: bytes = b""
    refresh: bytes = b""
    times: bytes = b""


class LeaseKey:
    """Seals and opens. It does not show itself."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a key of leases has 256 bits")
        self._cipher = AESGCM(key)
        self._marking = hmac.digest(key, b"what stands for a password", "sha256")

    def seal(self, lease: StoredLease, credentials: Credentials) -> StoredLease:
        """The same lease with these credentials, for the store."""
        told = (
            *(credentials.form, credentials.key.reveal(), credentials.token.reveal()),
            *(credentials.rest_path, credentials.rest_token.reveal(), credentials.server),
            *(credentials.refresh.reveal(), credentials.times),
        )
        plain = _Plain(*map(_bytes, told))
        nonce = secrets.token_bytes(_NONCE)
        written = self._cipher.encrypt(nonce, msgspec.msgpack.encode(plain), bound_to(lease))
        return msgspec.structs.replace(lease, sealed=_FORM + nonce + written)

    def keyed_digest(self, digest: bytes) -> str:
        """What stands in the store for this digest: without the key nobody can guess of what."""
        return hmac.digest(self._marking, digest, "sha256").hex()

    def open(self, lease: StoredLease) -> Credentials:
        """The credentials of a stored lease. Raises NotOpened; nothing of them is in its text."""
        begins = len(_FORM)
        nonce, written = lease.sealed[begins : begins + _NONCE], lease.sealed[begins + _NONCE :]
        try:
            if lease.sealed[:begins] != _FORM or len(nonce) != _NONCE:
                raise InvalidTag
            plain = msgspec.msgpack.decode(
                self._cipher.decrypt(nonce, written, bound_to(lease)), type=_Plain
            )
        except (InvalidTag, msgspec.DecodeError):
            raise NotOpened(
                f"what is stored of the lease {lease.id} was sealed by another key, or has been"
                f" changed; all servers that share the store need one {_SETTING}"
            ) from None
        form, key, token = map(_text, (plain.form, plain.key, plain.token))
        path, rest, server = map(_text, (plain.rest_path, plain.rest_token, plain.server))
        refresh, times = map(_text, (plain.refresh, plain.times))
        told = (form, Secret(key), Secret(token), path, Secret(rest), server)
        return Credentials(*told, Secret(refresh), times)

    def __repr__(self) -> str:
        return "LeaseKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not for storing")


def lease_key(key_file: Path | None, data_dir: Path) -> LeaseKey:
    """The key in this file; where none is named, one in the data directory, made if need be.

    Raises ConfigError for a file that cannot be read, that others may read or change, or that
    holds no key.
    """
    path = data_dir / KEY_NAME if key_file is None else key_file
    if key_file is None:
        read_or_make(path, lambda: f"{secrets.token_hex(KEY_BYTES)}\n".encode("ascii"), 0o600)
    try:
        number = open_own(path, os.O_RDONLY) if key_file is None else open_named(path)
        with os.fdopen(number, "rb") as file:
            mode, found = os.fstat(number).st_mode, file.read(_LONGEST + 1)
    except OSError as problem:
        raise _refused(
            path, f"cannot be read: {problem.strerror}; name a file that the server may read"
        ) from None
    if mode & _OTHERS:
        raise _refused(
            path,
            f"can be read or changed by other accounts (mode {stat.S_IMODE(mode):04o}), and must"
            " be the server's alone; chmod 600, or mount it with mode 0400. Where somebody has it:"
            f" {_ANOTHER}",
        )
    try:
        return LeaseKey(bytes.fromhex(found.decode("ascii").strip()))
    except ValueError:
        raise _refused(path, f"is no key: 64 hex digits alone; {_ANOTHER}") from None


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError([f"{_SETTING}: {path} {why}"])


def bound_to(lease: StoredLease) -> bytes:
    """What must be as it was when something was sealed. Lengths keep names apart."""
    told = [_bytes(one) for one in (lease.id, lease.upstream, lease.account)]
    return (
        b"sessiongate lease" + _FORM + b"".join(struct.pack(">I", len(one)) + one for one in told)
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(written: bytes) -> str:
    return written.decode("utf-8", "surrogatepass")
