"""The file of local users: `users.toml`, read whole, and rewritten whole or not at all.

    [users."alice"]
    password = "$argon2id$..."
    role = "administrator"

Also `full_name`, `disabled` and `created`. Names are kept as spelled and told apart by their
canonical form. Every change happens under a lock beside the file, so two commands at once lose
nothing; comments written by hand do not outlive a change. Whether a role exists is asked of
whoever adds a user: one that is gone later gives no privileges.
"""

import difflib
import errno
import fcntl
import json
import os
import stat
import tempfile
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import tomli_w

from sessiongate.errors import BadCredentials, ConfigError, InvalidArgument, NotFound
from sessiongate.files import make_directory, open_named, open_own, sync_directory
from sessiongate.identity.local.stored_hash import is_stored_hash
from sessiongate.remedies import because
from sessiongate.rules.access import no_such_role
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.passwords import problem_with
from sessiongate.rules.toml_errors import place_in_toml
from sessiongate.secret import Secret

T = TypeVar("T")

# Some hundred thousand users, who belong in a directory service.
_LARGEST = 64 << 20

_SETTINGS = ("password", "role", "full_name", "disabled", "created")


class Hasher(Protocol):
    """What hashes the passwords that are kept, as `hashing.PasswordHasher` does."""

    def hash_now(self, password: Secret) -> str:
        """The hash of this password. Blocks."""
        ...


class User(msgspec.Struct, frozen=True):
    """One local user. `stored` is the password's hash and does not show."""

    name: str
    """As spelled when the user was added."""
    canonical: str
    stored: str
    role: str
    full_name: str = ""
    disabled: bool = False
    created: datetime | None = None

    def __repr__(self) -> str:
        return f"User({self.name!r}, role={self.role!r}, disabled={self.disabled})"


Users = Mapping[str, User]
"""By canonical name."""


def read_users(path: Path) -> dict[str, User]:
    """All users, none if there is no file. Raises ConfigError with every problem in the file."""
    try:
        return parse_users(read_users_file(path)[1], str(path))
    except FileNotFoundError:
        return {}
    except OSError as unreadable:
        raise ConfigError([f"{path}: cannot be read: {unreadable.strerror}"]) from unreadable


def read_users_file(path: Path) -> tuple[os.stat_result, bytes]:
    """What the file is and holds, not yet judged. Raises OSError, for anything but a file too."""
    with os.fdopen(open_named(path), "rb") as file:
        data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise OSError(errno.EFBIG, f"it holds more than {_LARGEST >> 20} MiB", str(path))
        return os.fstat(file.fileno()), data


def parse_users(data: bytes, source: str) -> dict[str, User]:
    """The users in this text. Problems name `source`, user and rule, never a value."""
    try:
        tables = tomllib.loads(data.decode("utf-8-sig"))  # an editor may begin it with a mark
    except UnicodeDecodeError as broken:
        raise ConfigError([f"{source}: must be UTF-8"]) from broken
    except (tomllib.TOMLDecodeError, RecursionError) as broken:
        at = place_in_toml(broken)
        raise ConfigError(
            [f"{source}: is not TOML{at}; mend it there, or put a copy back"]
        ) from None
    problems = [
        f"{source}: {_printable(name)}: not a setting" for name in tables.keys() - {"users"}
    ]
    entries = tables.get("users", {})
    if not isinstance(entries, dict):
        raise ConfigError([*problems, f'{source}: users: must be tables, [users."NAME"]'])
    users: dict[str, User] = {}
    for name, entry in entries.items():
        user, wrong = _read_user(name, entry)
        problems += [f"{source}: users.{json.dumps(name)}{problem}" for problem in wrong]
        if user and user.canonical in users:
            other = json.dumps(users[user.canonical].name)
            problems.append(f"{source}: users.{json.dumps(name)}: is the same name as {other}")
        elif user:
            users[user.canonical] = user
    if problems:
        raise ConfigError(sorted(problems))
    return users


def _read_user(name: str, entry: object) -> tuple[User | None, list[str]]:
    try:
        canonical = parse_account(name).canonical
    except BadCredentials as refused:
        return None, [f": {refused}"]
    if not isinstance(entry, dict):
        return None, [": must be a table"]
    strange = entry.keys() - set(_SETTINGS)
    problems = [f".{_printable(key)}: not a setting{_suggestion(key)}" for key in strange]
    stored, role = entry.get("password"), entry.get("role")
    full_name, disabled = entry.get("full_name", ""), entry.get("disabled", False)
    created = entry.get("created")
    if not isinstance(stored, str) or not is_stored_hash(stored):
        problems.append(".password: must be an argon2id hash, as `users passwd` writes it")
    if not isinstance(role, str) or not role:
        problems.append(".role: must be the name of a role")
    if not isinstance(full_name, str):
        problems.append(".full_name: must be a text")
    if not isinstance(disabled, bool):
        problems.append(".disabled: must be true or false")
    if created is not None and not (isinstance(created, datetime) and created.tzinfo):
        problems.append(".created: must be a time with its offset")
    if problems:
        return None, problems
    return User(name, canonical, str(stored), str(role), full_name, disabled, created), []


def _printable(key: str) -> str:
    """A key fit for a message: escaped where it holds control characters."""
    return key if key.isprintable() else json.dumps(key)


def _suggestion(key: str) -> str:
    near = difflib.get_close_matches(key, _SETTINGS, 1)
    return f", did you mean {near[0]}?" if near else ""


def list_users(path: Path) -> list[User]:
    """All users, by canonical name."""
    return sorted(read_users(path).values(), key=lambda user: user.canonical)


def find_user(path: Path, name: str) -> User:
    """The user of this name, in any spelling. Raises NotFound, or InvalidArgument for no name."""
    user = read_users(path).get(_canonical(name))
    if user is None:
        raise _no_user(name)
    return user


def add_user(
    path: Path,
    name: str,
    password: Secret,
    role: str,
    *,
    hasher: Hasher,
    roles: Collection[str],
    full_name: str = "",
    created: datetime | None = None,
    least: int | None = None,
) -> User:
    """Add a user. Raises InvalidArgument for a name, role or password that cannot be.

    That is a name that is taken or no name, a role not in `roles`, an empty or endless password,
    and with `least` one that the rules for passwords refuse: so many characters it must have.
    """
    canonical = _canonical(name)
    if ":" in canonical:  # and `token:NAME` and `os:ACCOUNT` in the audit are nobody's name
        raise InvalidArgument("name", "no user name has a ':', where it ends in HTTP's Basic")
    if role not in roles:
        raise InvalidArgument("role", f"unknown; {no_such_role(role, roles)}")
    stored = _hash(hasher, password, name, least)
    user = User(name.strip(), canonical, stored, role, full_name, False, created)

    def add(users: dict[str, User]) -> None:
        if canonical in users:
            raise InvalidArgument("name", f"the user {users[canonical].name!r} exists")
        users[canonical] = user

    _change(path, add)
    return user


def remove_user(path: Path, name: str) -> User:
    """Remove a user. Raises NotFound."""
    return _change_one(path, name, lambda users, user: users.pop(user.canonical))


def set_password(
    path: Path, name: str, password: Secret, *, hasher: Hasher, least: int | None = None
) -> User:
    """Give a user another password. Raises NotFound, or InvalidArgument for an unusable one.

    `least` is as for `add_user`.
    """
    stored = _hash(hasher, password, name, least)
    return _replace(path, name, stored=stored)


def renew_hash(path: Path, user: User, stored: str) -> bool:
    """Put another hash of the same password in the place of this user's. Blocks.

    Nothing else in the file changes, comments neither, nor whose it is and who may read it. False
    if it has another hash by now, or has it more than once. Raises ConfigError for a file with
    problems, OSError where it is not ours.
    """
    if path.is_symlink():
        raise PermissionError(errno.EACCES, "the file is a link")
    if not os.access(path.parent, os.W_OK) or not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file or its directory is not writable")
    with _locked(path):
        like, data = read_users_file(path)
        known = parse_users(data, str(path)).get(user.canonical)
        old = user.stored.encode("ascii")
        if known is None or known.stored != user.stored or data.count(old) != 1:
            return False
        _write_bytes(path, data.replace(old, stored.encode("ascii")), like)
    return True


def set_disabled(path: Path, name: str, disabled: bool) -> User:
    """Disable a user, or enable one again. Raises NotFound."""
    return _replace(path, name, disabled=disabled)


def set_role(path: Path, name: str, role: str, *, roles: Collection[str]) -> User:
    """Give a user another role. Raises NotFound, or InvalidArgument for one not in `roles`."""
    if role not in roles:
        raise InvalidArgument("role", f"unknown; {no_such_role(role, roles)}")
    return _replace(path, name, role=role)


def _no_user(name: str) -> NotFound:
    return NotFound(f"there is no user {name.strip()!r}")


def _canonical(name: str) -> str:
    try:
        return parse_account(name).canonical
    except BadCredentials as refused:
        raise InvalidArgument("name", str(refused)) from refused


def _hash(hasher: Hasher, password: Secret, name: str, least: int | None) -> str:
    text = password.reveal()
    problem = problem_with(text, name, least) if least is not None else None
    if problem is None and not text:
        problem = "must not be empty"
    if problem is not None:
        raise InvalidArgument("password", problem)
    return hasher.hash_now(password)


def _replace(path: Path, name: str, **facts: object) -> User:
    def replace(users: dict[str, User], user: User) -> User:
        users[user.canonical] = msgspec.structs.replace(user, **facts)
        return users[user.canonical]

    return _change_one(path, name, replace)


def _change_one(path: Path, name: str, change: Callable[[dict[str, User], User], User]) -> User:
    canonical = _canonical(name)

    def change_it(users: dict[str, User]) -> User:
        if canonical not in users:
            raise _no_user(name)
        return change(users, users[canonical])

    return _change(path, change_it)


def _change(path: Path, change: Callable[[dict[str, User]], T]) -> T:
    """Read, change and write under the lock. A file with problems is left as it is."""
    if path.is_symlink():
        # What a link leads to may be anybody's; and a rename beside it would undo the link.
        raise ConfigError(
            [f"{path}: is a link; name the file itself, in identity.NAME.path, to have it changed"]
        )
    try:
        make_directory(path.parent)
        with _locked(path):
            users = read_users(path)
            answer = change(users)
            _write(path, users)
    except OSError as problem:
        where, why = problem.filename or path, because(problem, "give this account the right to")
        raise ConfigError([f"{where}: cannot be written: {why}"]) from problem
    return answer


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The lock is a file of its own, never replaced: a lock on users.toml itself would be held on
    # the old file by one command and on its replacement by the next.
    lock = open_own(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, users: Users) -> None:
    data = tomli_w.dumps({"users": {user.name: _entry(user) for user in users.values()}})
    _write_bytes(path, data.encode("utf-8"))


def _write_bytes(path: Path, data: bytes, like: os.stat_result | None = None) -> None:
    # mkstemp makes the file 0600: it holds password hashes.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            if like is not None:
                _make_alike(handle, like)
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(temporary).replace(path)
    except BaseException:  # whatever it was: half a file of hashes must not stay
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _make_alike(handle: int, like: os.stat_result) -> None:
    """Give this file the owner, group and mode of that one. Raises OSError where we may not."""
    own = os.fstat(handle)
    # Asked for only where it is needed: a service may be forbidden the call altogether.
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(handle, like.st_uid, like.st_gid)
    os.fchmod(handle, stat.S_IMODE(like.st_mode))


def _entry(user: User) -> dict[str, object]:
    entry: dict[str, object] = {"password": user.stored, "role": user.role}
    if user.full_name:
        entry["full_name"] = user.full_name
    if user.disabled:
        entry["disabled"] = True
    if user.created:
        entry["created"] = user.created
    return entry
