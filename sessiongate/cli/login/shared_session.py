"""Where `exec --share` finds a session that another `exec` of this account has at the same server.

Each session that is shared has a Unix socket in a directory for this account alone, at which its
guardian listens. Whoever connects uses the session until it hangs up. A file beside it is locked
for as long as somebody looks whether there is one, and has a guardian listen where there is none:
so of any number that start at once, one logs in.
"""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Protocol

import msgspec

from sessiongate.cli.login.guardian import Guardian
from sessiongate.cli.login.saved_sessions import place_of
from sessiongate.cli.login.targets import Target
from sessiongate.cli.output import Exit, fail
from sessiongate.errors import ConfigError
from sessiongate.files import open_own, own_directory
from sessiongate.http.listening.sockets import bind_socket
from sessiongate.operations.control_socket import objection_to


class Start(Protocol):
    """Starts a guardian that listens there."""

    def __call__(self, *, listening: socket.socket) -> Guardian:
        """It logs in at once."""
        ...


class SharedSession:
    """The session that all use who share one at this target, as the same account.

    One that is kept in a file is renewed, so that it is another than one in the environment.
    """

    def __init__(self, target: Target, *, in_file: bool) -> None:
        folder = place_of("shared")
        what = msgspec.json.encode((target, in_file))
        self._path = folder / f"{sha256(what).hexdigest()[:16]}.sock"
        own_directory(folder)
        if why := objection_to(self._path, {os.geteuid()}):
            fail(Exit.SETTINGS, f"--share: {self._path} will not do: {why}")

    def joined_or_started(self, start: Start, get_ready: Callable[[], object]) -> Guardian:
        """The guardian that has it, or one that is started now.

        `get_ready` is called before the latter; others do not wait for that.
        """
        found = self._joined()
        if found is None:
            get_ready()
            with self._locked():
                found = self._joined()  # somebody else may have come first
                if found is None:
                    with self._listening() as listening:
                        found = start(listening=listening)
        return found

    def _joined(self) -> Guardian | None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        guardian = Guardian(line, None, shared=True)
        try:
            line.connect(str(self._path))
        except OSError:
            line.close()
            return None
        if not guardian.has_message():  # it has just ended, with the last who has used it
            line.close()
            return None
        return guardian

    def _listening(self) -> socket.socket:
        try:
            return bind_socket(f"unix:{self._path}")
        except ConfigError as error:
            fail(Exit.SETTINGS, *(f"--share: {one}" for one in error.problems))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        number = open_own(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)
