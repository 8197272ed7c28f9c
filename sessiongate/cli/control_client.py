"""The command line's side of the control socket."""

import errno
import http.client
import os
import shlex
import socket
from enum import Enum
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from sessiongate.app.operators.running_server import Running
from sessiongate.cli.output import Exit, fail
from sessiongate.holders import names_of
from sessiongate.http.local import user_of
from sessiongate.operations.control_socket import objection_to, socket_path

# A list of a million sessions takes a while to write; a dead server answers nothing at all.
_PATIENCE = 60.0

# Somebody waits at the tab key.
_QUICK = 2.0


Answer = TypeVar("Answer")


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, data_dir: Path, patience: float = _PATIENCE) -> None:
        super().__init__("localhost", timeout=patience)
        self._data_dir = data_dir
        self._path = socket_path(data_dir)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        # Root has become the owner of the directory before, and believes no other account now.
        trusted = {os.geteuid(), self._data_dir.stat().st_uid} if os.geteuid() else {0}
        # For long data directories it is among the system's temporary files, where anybody may
        # have taken its name first.
        why = objection_to(self._path, trusted)
        if not why:
            self.sock.connect(str(self._path))
            user = user_of(self.sock)
            if user not in {None, 0, *trusted}:
                why = f"{names_of({user or 0})} listens there"
        if why:
            raise PermissionError(errno.EPERM, f"{why}, and so it is not asked")


def ask(
    data_dir: Path, verb: str, address: str, kind: type[Answer], value: object = None
) -> Answer:
    """The running server's answer, which is to be of this kind, or exit with the reason.

    `value` is sent along as JSON.
    """
    path = socket_path(data_dir)
    connection = _Connection(data_dir)
    try:
        connection.request(verb, address, None if value is None else msgspec.json.encode(value))
        reply = connection.getresponse()
        answer = msgspec.json.decode(reply.read())
    except (FileNotFoundError, ConnectionRefusedError):
        fail(Exit.UNREACHABLE, *_no_server(data_dir), *server_nearby(data_dir))
    except PermissionError as error:
        fail(Exit.UNREACHABLE, f"the control socket {path} cannot be used: {error.strerror}")
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        fail(Exit.UNREACHABLE, f"the server at {path} does not answer: {type(error).__name__}")
    finally:
        connection.close()
    if reply.status == 502:
        fail(Exit.UPSTREAM, f"the upstream cannot be reached: {_reason_in(answer)}")
    if reply.status >= 500:
        # Not an answer: nobody knows yet whether it is yes or no.
        fail(Exit.UNREACHABLE, f"the server cannot say: {_reason_in(answer)}")
    if address.startswith("/dev/") and _reason_in(answer) == "no such address":
        fail(Exit.REFUSED, "only a server that `sessiongate dev` runs takes this")
    if reply.status not in (200, 201):
        fail(Exit.REFUSED, _reason_in(answer))
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError:
        fail(Exit.UNREACHABLE, f"the server at {path} gives an answer of another kind")


def _no_server(data_dir: Path) -> tuple[str, str]:
    """Why nobody answers, and the way out: a directory that nobody has made is a slip, mostly."""
    nobody = f"no server is running on the data directory {data_dir}"
    if data_dir.exists():
        return nobody, "start it with `sessiongate serve`, or name the right one with --data-dir"
    return (
        f"{nobody}, which does not exist",
        "name the right one with --data-dir or SESSIONGATE_DATA_DIR, or make this one with"
        f" `sessiongate init --data-dir {shlex.quote(str(data_dir))}`",
    )


def _reason_in(answer: object) -> str:
    known = answer if isinstance(answer, dict) else {}
    return str(known.get("error") or known.get("Message") or "it gives no reason")


class RefreshOutcome(Enum):
    """What became of telling a running server that users have changed."""

    TAKEN = "taken"
    """It has taken the change in."""
    REFUSED = "refused"
    """One is running and could not take it in yet."""
    NOBODY = "not running"
    """None is running here. Nothing is lost: the next one reads the file when it starts."""


def refresh_users(data_dir: Path) -> RefreshOutcome:
    """Have a running server read its users again at once."""
    if _answers(data_dir, "POST", "/users/refresh"):
        return RefreshOutcome.TAKEN
    return RefreshOutcome.REFUSED if server_answers(data_dir) else RefreshOutcome.NOBODY


def server_answers(data_dir: Path) -> bool:
    """Whether a server is running on this data directory and answers."""
    return _answers(data_dir, "GET", "/")


def running_server(data_dir: Path) -> Running | None:
    """What the server of this data directory says of itself, None where none answers."""
    connection = _Connection(data_dir)
    try:
        connection.request("GET", "/server")
        reply = connection.getresponse()
        text = reply.read()
        if reply.status == 200:
            return msgspec.json.decode(text, type=Running)
        return Running() if reply.status == 404 else None  # 404: of an earlier release
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()


def get_or_none(data_dir: Path, address: str) -> object:
    """The answer of the running server at this address; None where there is none in a moment."""
    connection = _Connection(data_dir, _QUICK)
    try:
        connection.request("GET", address)
        reply = connection.getresponse()
        return msgspec.json.decode(reply.read()) if reply.status == 200 else None
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()


def server_nearby(data_dir: Path) -> list[str]:
    """A hint where the server may be that a command was meant for: `make run` keeps it in var."""
    near = Path("var")
    if near.resolve() != data_dir.resolve() and socket_path(near).is_socket():
        return ["a server's control socket is in ./var: --data-dir var"]
    return []


def in_address(text: str) -> str:
    """The text as one part of an address."""
    return quote(text, safe="")


def _answers(data_dir: Path, verb: str, address: str) -> bool:
    connection = _Connection(data_dir)
    try:
        connection.request(verb, address)
        return connection.getresponse().status in (200, 404)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
