"""Whoever uses a session, as the process knows them that has it: a line to each.

The first is whoever has started it. Where it is shared, others come by a Unix socket.
"""

import json
import os
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sessiongate.files import null_device, remove_own

What = Mapping[str, Any]


class SessionUsers:
    """The users of one session. Without `listening` there is only the first."""

    def __init__(self, first: socket.socket, listening: socket.socket | None) -> None:
        self._first, self._lines = first, [first]
        self._listening = listening
        if listening is not None:
            listening.setblocking(False)

    def send_all(self, what: What) -> None:
        """Send a message to each that is still connected."""
        for line in self._lines:
            send(line, what)

    def refuse(self, what: What) -> None:
        """Send a last message to all, also to those that have just connected; accept no more."""
        self.send_all(what)
        self.take_no_more(what)

    def take_no_more(self, greeting: What | None = None) -> None:
        """Accept no more connections.

        Who has come, and was not let in yet, hears the greeting. Without one it hears nothing, and
        looks for another session.
        """
        if self._listening is None:
            return
        with suppress(OSError):  # another account has taken its directory over
            remove_own(Path(self._listening.getsockname()))
        if greeting is not None:
            self._admit(greeting)
        self._listening.close()
        self._listening = None

    def last_left(self, seconds: float | None, greeting: What) -> socket.socket | None:
        """Wait for something to happen, for so long at most. The last one's line, where that left.

        Who has come before hears the greeting. Who comes meanwhile ends the wait, and hears the
        greeting of the next, which may be another. Who leaves, and is not the last, hears that
        nothing is left for it to see to.
        """
        self._admit(greeting)
        watched = [*self._lines, *([] if self._listening is None else [self._listening])]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._listening in ready:
            return None
        for line in [one for one in self._lines if one in ready and not received(one, 1)]:
            if len(self._lines) == 1:
                self.take_no_more(greeting)
            if len(self._lines) == 1:
                return line
            self._leaves(line)
        return None

    def _leaves(self, line: socket.socket) -> None:
        self._lines.remove(line)
        if line is self._first:
            # Its standard error is ours: whoever reads that to its end would wait for the others.
            nowhere = null_device()
            os.dup2(nowhere, 2)
            os.close(nowhere)
        send(line, {"ended": True, "goes_on": True})
        line.close()

    def _admit(self, greeting: What) -> None:
        while self._listening is not None:
            try:
                line, _ = self._listening.accept()
            except BlockingIOError:
                return
            self._lines.append(line)
            send(line, greeting)


def send(line: socket.socket, what: What) -> bool:
    """Send a message. False where the other end is closed."""
    try:
        line.sendall(json.dumps(what).encode() + b"\n")
    except OSError:
        return False
    return True


def received(line: socket.socket, most: int) -> bytes:
    """What has been received; empty where the other end is closed."""
    try:
        return line.recv(most)
    except ConnectionError:
        return b""
