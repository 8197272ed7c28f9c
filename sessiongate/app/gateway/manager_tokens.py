"""Tokens of the session manager's clients that stand in files.

A file is read again every few seconds: who mounts secrets changes them under a running server.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from sessiongate.config.session_manager import ManagerClient
from sessiongate.errors import ConfigError
from sessiongate.files import read_named
from sessiongate.rules.token import is_manager_token
from sessiongate.secret import Secret, secret_text
from sessiongate.service.manager_clients import ManagerCaller

_AGAIN = 5.0
"""Seconds after which files are looked at again."""

_LONGEST = 64 * 1024

_FORM = "a token begins with sgm_ and has 32 letters or more after it"

_log = structlog.get_logger(__name__)


class TokenFiles:
    """The clients whose tokens stand in files at this moment. `now` is in seconds."""

    def __init__(self, clients: Mapping[str, ManagerClient], now: Callable[[], float]) -> None:
        """Raises ConfigError for a file that holds something else than a token, or another's."""
        self._clients = clients
        self._now = now
        self._due = 0.0
        self._found: dict[bytes, ManagerCaller] = {}
        self._warned: dict[tuple[str, Path], str] = {}
        """What is wrong with a client's file, once it was said."""
        wrong = [
            f"session_manager.clients.{one.client}.token_files: {one.file} {one.why}"
            for one in file_problems(clients)
            if one.stops
        ]
        if wrong:
            raise ConfigError(wrong)

    def __call__(self) -> Mapping[bytes, ManagerCaller]:
        """By the digests of their tokens; a change of a file is some seconds old."""
        if not self._clients or self._now() < self._due:
            return self._found
        self._due = self._now() + _AGAIN
        good: list[_InFile] = []
        for name, file, token in _read(self._clients):
            if isinstance(token, str):
                self._warn_once(file, name, token)
            elif not is_manager_token(token.reveal()):
                self._warn_once(file, name, f"it holds no token: {_FORM}")
            else:
                good.append(_InFile(name, file, token.digest()))
        self._found = self._owned(good)
        return self._found

    def _owned(self, good: Sequence["_InFile"]) -> dict[bytes, ManagerCaller]:
        """Whose each token is.

        One that is in files of two clients stays that of the client that had it before: what is put
        into another's file by mistake takes nothing from its owner, and gives nobody more.
        """
        holders = {(one.digest, one.client) for one in good}
        found: dict[bytes, ManagerCaller] = {}
        for one in good:
            owner = found.get(one.digest) or self._found.get(one.digest)
            if (
                owner is not None
                and owner.name != one.client
                and (one.digest, owner.name) in holders
            ):
                self._warn_once(one.file, one.client, f"its token is one {_of_another(owner.name)}")
                continue
            self._warned.pop((one.client, one.file), None)
            upstreams = frozenset(self._clients[one.client].upstreams)
            found[one.digest] = ManagerCaller(one.client, one.digest, upstreams)
        return found

    def _warn_once(self, file: Path, name: str, why: str) -> None:
        if self._warned.get((name, file)) != why:
            self._warned[name, file] = why
            _log.warning(
                "a file holds no token of its client", client=name, file=str(file), why=why
            )


class FileProblem(NamedTuple):
    """What is wrong with a file of a client. `stops` where a server does not start with it."""

    client: str
    file: Path
    why: str
    stops: bool


def file_problems(clients: Mapping[str, ManagerClient]) -> Iterator[FileProblem]:
    """Files that hold no token, and tokens that are in files of two clients."""
    owners: dict[bytes, str] = {}
    for name, file, token in _read(clients):
        if isinstance(token, str):
            yield FileProblem(name, file, f"holds no token yet: {token}; {_FORM}", False)
        elif not is_manager_token(token.reveal()):
            yield FileProblem(name, file, f"holds none: {_FORM}", True)
        elif (owner := owners.setdefault(token.digest(), name)) != name:
            yield FileProblem(name, file, f"holds a token {_of_another(owner)}", True)


class _InFile(NamedTuple):
    """A token that a file holds."""

    client: str
    file: Path
    digest: bytes


def _of_another(name: str) -> str:
    return f"of {name}, too: one token cannot be of two clients, make another for one of them"


def _read(clients: Mapping[str, ManagerClient]) -> Iterator[tuple[str, Path, Secret | str]]:
    """Each client's files, and the text in it; a string says why there is none."""
    for name, client in clients.items():
        for file in client.token_files:
            try:
                text = secret_text(read_named(file, _LONGEST)).strip()
            except OSError as error:
                yield name, file, f"it cannot be read: {error.strerror}"
            except UnicodeDecodeError:
                yield name, file, "it is no text"
            else:
                yield name, file, Secret(text) if text else "it is empty"
