"""Local users, from a file that may change at any time.

Each login looks whether the file has changed (one stat), and `refresh`, called once a second and
by the control socket, does so without a login: whoever is removed or disabled, or has another
password or role, is told to the `on_change` callbacks, after which no login can succeed by the
old record. A file that breaks while we run changes nothing: the last good users stay.

A login that was right by a hash of another cost, or of another form of the password, has it stored
anew. That is no change of the account (`stored.replaces`), here or on another server.

A file that is gone, or empty, has no users; but editors empty or remove a file while they save
it, so that is believed only on the second look.
"""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from sessiongate.errors import BadCredentials, ConfigError, IdentityUnavailable, Overloaded
from sessiongate.identity.guard.attempt import Attempt
from sessiongate.identity.local.hashing import PasswordCheck, PasswordHasher
from sessiongate.identity.local.stored_hash import Cost, cost_of, replaces
from sessiongate.identity.local.users_file import (
    User,
    Users,
    parse_users,
    read_users_file,
    renew_hash,
)
from sessiongate.rules.accounts import Account, canonical_domain, directory_form
from sessiongate.secret import Secret
from sessiongate.session import Principal

# Seconds until an empty file is believed: editors finish within a few milliseconds.
SECOND_LOOK = 0.1

# How often one login starts over because its account changed while its password was hashed.
_ROUNDS = 3

_log = structlog.get_logger(__name__)


class _FileStamp(msgspec.Struct, frozen=True):
    """What a file was when we read it: a later look that differs means a change."""

    inode: int = 0
    size: int = -1
    modified: int = 0
    changed: int = 0


_NO_FILE = _FileStamp()


class FileIdentity:
    """Vouches for the users of one file.

    `domains` are those whose names are local names too: with `vsphere.local`, the stored user
    `administrator` is also `administrator@vsphere.local`, unless that one is stored as well.
    """

    def __init__(
        self, name: str, path: Path, hasher: PasswordHasher, domains: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._path = path
        self._hasher = hasher
        self._domains = frozenset(map(canonical_domain, domains))
        self._users: Users = {}
        self._highest_cost = hasher.cost
        self._renewable = True
        self._stays: set[str] = set()
        """Hashes that cannot be replaced in the file as it is."""
        self._look: _FileStamp | None = None
        self._broken: _FileStamp | None = None
        self._problems: list[str] = []
        self._on_change: list[Callable[[str], None]] = []
        self._reading = asyncio.Lock()

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is, or BadCredentials: unknown, wrong and disabled alike, at the same cost."""
        return await self._authenticate(account, password, "")

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        """The same, where the address decides about the turn to be checked."""
        if attempt.returning:
            self._hasher.welcome(attempt.address)
        return await self._authenticate(account, password, attempt.address)

    async def pretend(self, password: Secret, address: str) -> None:
        """Take as long as refusing a wrong password, without its work."""
        await self._hasher.pretend(password, address, dearest=self._highest_cost)

    async def _authenticate(self, account: Account, password: Secret, address: str) -> Principal:
        for _ in range(_ROUNDS):
            await self.refresh()
            user = self._find(account)
            checked = await self._check(user, password, address)
            # The record may have changed while the hash ran. Judging by the old one could open a
            # session for an account whose sessions have just been ended.
            await self.refresh()
            if _is_same(user, self._find(account)):
                if user is None or user.disabled or not checked.right:
                    raise BadCredentials(
                        "unknown name, wrong password or disabled account", known=user is not None
                    )
                if checked.stale:
                    await self._renew(user, password, address)
                return self._principal(user)
        raise IdentityUnavailable("the account keeps changing")

    async def find(self, account: Account) -> Principal | None:
        """The account without a password check, None where unknown or disabled."""
        await self.refresh()
        user = self._find(account)
        return None if user is None or user.disabled else self._principal(user)

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with the canonical name of each account whose sessions must end now."""
        self._on_change.append(tell)

    async def start(self) -> None:
        """Read the file. Raises ConfigError for one that cannot be read or has problems."""
        self._look, self._users = await asyncio.to_thread(_read, self._path, False)
        self._highest_cost = _highest_cost(self._users, self._hasher.cost)

    async def close(self) -> None:
        """Nothing to close: the hasher belongs to whoever made it."""

    def name_of(self, account: Account) -> str:
        """The one name under which tries of this account count, whether it exists or not."""
        user = self._find(account)
        if user is not None:
            return user.canonical
        return account.user if account.domain in self._domains else account.canonical

    async def version_of(self, account: Account) -> str:
        """A text that changes with the account's credential and rights, "" where it has none."""
        await self.refresh()
        user = self._find(account)
        return "" if user is None or user.disabled else f"{user.stored} {user.role}"

    def changed_since(self, when: datetime) -> bool:
        """Whether the file that was read may be another one than at that time."""
        look = self._look
        if look is None or look == _NO_FILE:
            return True
        # Not when it was modified: a file that is moved or copied here may bring an old time along.
        return look.changed >= when.timestamp() * 1e9

    async def refresh(self) -> None:
        """See whether the file has changed; if so, take over what it says and tell. Never fails."""
        if self._has_changed():
            async with self._reading:
                # Whoever waited here finds the work done.
                if self._has_changed():
                    await self._reload()

    def _has_changed(self) -> bool:
        try:
            look = _stamp_of(self._path.stat())
        except FileNotFoundError:
            look = _NO_FILE
        except OSError:
            return True  # reading it will fail too, and say why
        return look not in (self._look, self._broken)

    async def _reload(self) -> None:
        try:
            look, users = await asyncio.to_thread(_read, self._path, bool(self._users))
        except _UnusableFile as broken:
            if broken.problems != self._problems:
                _log.error("users not read again", provider=self.name, why=broken.problems)
            self._broken, self._problems = broken.look, broken.problems
            return
        # No await from here on: nobody sees the new users before everybody is told, or the
        # other way round.
        before, self._users = self._users, users
        self._highest_cost = _highest_cost(users, self._hasher.cost)
        self._renewable = True
        self._stays.clear()
        if self._broken is not None:
            _log.info("users read again after a problem", provider=self.name)
        self._look, self._broken, self._problems = look, None, []
        for user in before.values():
            if _must_end(user, users.get(user.canonical)):
                for tell in self._on_change:
                    tell(user.canonical)

    def _find(self, account: Account) -> User | None:
        user = self._users.get(account.canonical)
        if user is None and account.domain in self._domains:
            user = self._users.get(account.user)
        return user

    async def _check(self, user: User | None, password: Secret, address: str) -> PasswordCheck:
        dearest = self._highest_cost
        if user is None or not password.reveal():
            return PasswordCheck(
                await self._hasher.verify_nothing(password, address, dearest=dearest)
            )
        return await self._hasher.check(
            user.stored, password, address, dearest=dearest, admit=not user.disabled
        )

    async def _renew(self, user: User, password: Secret, address: str) -> None:
        """Store a right password at the cost and in the form of today, if that can be done."""
        if not self._renewable or user.stored in self._stays:
            return
        try:
            stored = await self._hasher.hash(password, address, after=user.stored)
            renewed = await asyncio.to_thread(renew_hash, self._path, user, stored)
        except Overloaded:
            return  # at the next login, then
        except (ConfigError, OSError) as error:
            # A file that is only lent to us stays as it is. We ask again when it has changed.
            self._renewable = False
            why = error.strerror if isinstance(error, OSError) else str(error)
            _log.warning("password hash not renewed", provider=self.name, user=user.name, why=why)
            return
        await self.refresh()
        if renewed:
            _log.info("password hash renewed", provider=self.name, user=user.name)
        elif self._users.get(user.canonical) == user and user.stored not in self._stays:
            # Nobody has changed it meanwhile: it will be no other at the next login.
            self._stays.add(user.stored)
            why = "its hash is in the file more than once; give this user a password of his own"
            _log.warning("password hash not renewed", provider=self.name, user=user.name, why=why)

    def _principal(self, user: User) -> Principal:
        return Principal(
            name=user.canonical,
            user_name=directory_form(user.name),
            full_name=user.full_name or user.name,
            roles=(user.role,),
            provider=self.name,
        )


class _UnusableFile(ConfigError):
    """A file that says nothing usable.

    `look` is of the text that made no sense, which need not be read again until it differs; None
    where the system could not give us the text, which is worth trying again at once.
    """

    def __init__(self, look: _FileStamp | None, problems: list[str]) -> None:
        super().__init__(problems)
        self.look = look


def _read(path: Path, had_users: bool) -> tuple[_FileStamp, Users]:
    """The users, and the look of the very file they were read from. Blocks."""
    look, users = read_once(path)
    if had_users and not users:
        time.sleep(SECOND_LOOK)
        look, users = read_once(path)
        if look == _NO_FILE and not path.parent.is_dir():
            # Not an answer: the disk with the data directory is away.
            raise _UnusableFile(None, [f"{path}: cannot be read: its directory is gone"])
    return look, users


def read_once(path: Path) -> tuple[_FileStamp, Users]:
    """The users as they are at this moment; no file is none of them. Blocks."""
    try:
        look, data = read_users_file(path)
    except FileNotFoundError:
        return _NO_FILE, {}
    except OSError as unreadable:
        problem = f"{path}: cannot be read: {unreadable.strerror}"
        raise _UnusableFile(None, [problem]) from unreadable
    try:
        return _stamp_of(look), parse_users(data, str(path))
    except ConfigError as broken:
        raise _UnusableFile(_stamp_of(look), broken.problems) from broken


def _stamp_of(stat: os.stat_result) -> _FileStamp:
    return _FileStamp(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _must_end(before: User, after: User | None) -> bool:
    if before.disabled:
        return False  # has no sessions
    if after is None or after.disabled:
        return True
    return before.role != after.role or not _same_password(before, after)


def _is_same(one: User | None, other: User | None) -> bool:
    """Whether a record is what it was, whatever its hash costs by now."""
    if one is None or other is None:
        return one is other
    if not _same_password(one, other):
        return False
    return one == msgspec.structs.replace(other, stored=one.stored)


def _same_password(one: User, other: User) -> bool:
    """Whether neither hash says that the password is another one."""
    return (
        one.stored == other.stored
        or replaces(other.stored, one.stored)
        or replaces(one.stored, other.stored)
    )


def _highest_cost(users: Users, usual: Cost) -> Cost:
    costs = [cost_of(user.stored) for user in users.values()]
    return max(costs, key=lambda cost: cost.work, default=usual)
