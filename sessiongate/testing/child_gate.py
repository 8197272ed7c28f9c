"""A server of `sessiongate dev` as a child of a test's process, which it does not outlive."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import tomli_w

from sessiongate.files import open_own, read_named
from sessiongate.operations.control_socket import socket_path
from sessiongate.testing.gate_base import roles_in, settings_in
from sessiongate.testing.ready_file import DevServer
from sessiongate.testing.remote_gate import RemoteGate
from sessiongate.testing.users import USERS, with_random_passwords

_TO_START = 30.0
"""Seconds until it listens: it imports the whole server first, which a loaded machine draws out."""

_TO_STOP = 10.0

_PREFIX = "sg-"
"""Short, since the name of a socket in there is: 103 letters at most on macOS."""


class ChildGate(RemoteGate):
    """Made by `start`; a context manager. It ends with `close`, and with whoever started it."""

    _until_closed: ExitStack

    @classmethod
    def start(
        cls,
        *,
        users: Mapping[str, str] | Sequence[str] = USERS,
        profile: str | None = None,
        idle_timeout: str | None = None,
        tls: bool = True,
        settings: Mapping[str, object] | None = None,
        seed: int | None = None,
    ) -> "ChildGate":
        """Start one, within 30 seconds. The arguments are those of `Gate.start`.

        Raises TimeoutError, or RuntimeError with its log where it ends instead.
        """
        given, roles = settings_in(settings, profile, idle_timeout), roles_in(users)
        with ExitStack() as undo:
            name = undo.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX))
            folder = Path(name)
            file = folder / "settings.toml"
            file.write_bytes(tomli_w.dumps(_nested(given)).encode())
            command = [sys.executable, "-m", "sessiongate", "dev", "--output", "json"]
            command += ["--exit-on-stdin-eof", "--config", str(file)]
            command += [] if tls else ["--plain-http"]
            command += [] if seed is None else ["--seed", str(seed)]
            flags = os.O_WRONLY | os.O_CREAT
            log = undo.enter_context(os.fdopen(open_own(folder / "log", flags), "wb"))
            process = undo.enter_context(
                subprocess.Popen(  # noqa: S603 - ourselves
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_environment(roles, folder),
                )
            )
            undo.callback(_stop, process)
            server = _read_ready_line(process, folder / "log")
            (data_dir,) = folder.glob("sessiongate-dev-*")
            control = socket_path(data_dir)
            if control.parent != data_dir.resolve():
                control = folder / control.name  # among its temporary files, which are not ours
            gate = cls(server, data_dir, control, folder / "log")
            gate._until_closed = undo.pop_all()
        return gate

    def close(self) -> None:
        """Stop the server, and remove what it had. Idempotent."""
        self._until_closed.close()


def _environment(roles: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Ours, without settings; passwords are in it, and on no command line."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SESSIONGATE_")}
    people = with_random_passwords(roles)
    texts = (f"{one.name}:{one.password}:{one.role}" for one in people)
    return {**kept, "SESSIONGATE_DEV_USERS": " ".join(texts), "TMPDIR": str(folder)}


def _nested(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings by dotted names as tables."""
    root: dict[str, object] = {}
    for dotted, value in settings.items():
        *tables, last = dotted.split(".")
        table = root
        for name in tables:
            inner = table.setdefault(name, {})
            table = inner if isinstance(inner, dict) else {}
        table[last] = value
    return root


def _read_ready_line(process: "subprocess.Popen[bytes]", log: Path) -> DevServer:
    """What it says once it listens."""
    line, until = b"", time.monotonic() + _TO_START
    output = process.stdout.fileno() if process.stdout is not None else -1
    # It is one line; more is what was wrong, and then it ends.
    while not line.endswith(b"}\n"):
        ready, _, _ = select.select([output], [], [], max(0.0, until - time.monotonic()))
        piece = os.read(output, 65536) if ready else b""
        if not piece:
            why = "it has ended" if ready else f"it does not listen in {_TO_START:g} s"
            kind = RuntimeError if ready else TimeoutError
            raise kind(f"sessiongate dev: {why}; its log:\n{read_named(log).decode()}")
        line += piece
    try:
        return msgspec.json.decode(line, type=DevServer)
    except msgspec.ValidationError:
        raise RuntimeError(f"sessiongate dev does not start: {line.decode()}") from None


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
