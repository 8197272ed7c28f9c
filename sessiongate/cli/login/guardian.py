"""The process that has a session: it logs in, keeps that in use, and logs out at our end.

It is forked before the login and holds one end of a line whose other end is ours. When that end is
gone, because we said so or because we were killed, it logs out; where the session is shared, once
the last line to it is gone. It is in a session of its own, so that no key at the terminal and no
signal to our group reaches it. Where it is killed itself, the line tells us, and we log out.
"""

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise
from typing import Any, NoReturn

from sessiongate.cli.login.child_process import PASSED_ON, Readable, Signals
from sessiongate.cli.login.session_users import SessionUsers, received, send
from sessiongate.cli.login.targets import Target
from sessiongate.cli.output import note
from sessiongate.client import LoginRefused, Session, SessionError
from sessiongate.files import null_device

TRIES, SECONDS = 3, 2.0
"""How often a logout is tried, and how long each may take."""

EARLY = 4.0
"""Seconds before its end at which a token is renewed: the library does so five seconds before.

One that is not renewed is handed to nobody any more from then on.
"""

_PATIENCE = TRIES * (SECONDS + 0.5) * 2 + 5
_LONGEST_MESSAGE = 1 << 20

Message = dict[str, Any]


class NotWaitedFor(Exception):
    """The guardian goes on by itself: a signal has ended the wait, or it is busy and shared."""


class Guardian:
    """Our end of the line."""

    def __init__(self, line: socket.socket, pid: int | None, *, shared: bool = False) -> None:
        """`pid` is known of the one that we have started. One that is `shared` has other lines."""
        self._line = line
        self._pid = pid
        self._shared = shared
        self._rest = b""
        self.is_gone = False
        """Whether it has ended without being told to."""

    @classmethod
    def start(
        cls,
        session: Session,
        *,
        keep_alive: float,
        renews: bool,
        listening: socket.socket | None = None,
    ) -> "Guardian":
        """Fork it. It logs in at once; `next_message` says how that went.

        It uses the session every `keep_alive` seconds, never for 0. With `renews` it opens another
        where the server has ended it. Others who use the session come where it is `listening`.
        """
        ours, its = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _guard(SessionUsers(its, listening), _of(its, listening), session, keep_alive, renews)
        its.close()
        return cls(ours, pid, shared=listening is not None)

    def fileno(self) -> int:
        """For `select`: there is something to be `next_message`."""
        return self._line.fileno()

    def next_message(
        self, seconds: float | None = None, signals: Signals | None = None
    ) -> Message | None:
        """What it says next; None where it has ended, or says nothing for so many seconds.

        Raises NotWaitedFor for one of the `signals` that ask for an end.
        """
        if not self.has_message(seconds, signals):
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        said: Message = json.loads(line)
        return said

    def has_message(self, seconds: float | None = None, signals: Signals | None = None) -> bool:
        """Whether there is a message for `next_message`. Waits and raises as that does."""
        watched: list[Readable] = [self._line]
        if signals is not None:
            watched.append(signals)
        while b"\n" not in self._rest:
            ready, _, _ = select.select(watched, [], [], seconds)
            if not ready:
                return False
            if signals is not None and any(one in PASSED_ON for one in signals.received()):
                raise NotWaitedFor
            if self._line not in ready:
                continue
            piece = received(self._line, 65536)
            if not piece or len(self._rest) > _LONGEST_MESSAGE:
                self.is_gone = True
                return False
            self._rest += piece
        return True

    def end(self, signals: Signals | None = None) -> bool | None:
        """Have it log out. Whether that went well; None where it has ended without an answer.

        Raises NotWaitedFor as `next_message` does, and where it is shared and too busy to answer:
        it logs out all the same, with the last who uses it, and says what is left itself.
        """
        if not self.is_gone:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_WR)
            said: Message | None = {}
            while said is not None and "ended" not in said:
                said = self.next_message(_PATIENCE, signals)
            if said is not None:
                self._collect(goes_on="goes_on" in said)
                return bool(said["ended"])
        if not self.is_gone:  # A server keeps it waiting, and it would keep us.
            self._abandon()
        self._collect()
        return None

    def _abandon(self) -> None:
        """Wait no longer. It is killed, unless others use its session: it finds us gone then."""
        if self._shared:
            self._line.close()
            raise NotWaitedFor
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _collect(self, *, goes_on: bool = False) -> None:
        self._line.close()
        if self._pid is not None:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, os.WNOHANG if self.is_gone or goes_on else 0)


def report_left_session(target: Target, told: Mapping[str, Any]) -> None:
    """Say which session could not be logged out of: by its key, or by as much as names it."""
    if told.get("key"):
        name = f"its key is {told['key']}"
    else:
        digest = sha256(str(told["token"]).encode()).hexdigest()[:8]
        name = f"{target.user}, the SHA-256 of its token begins with {digest}"
    note(f"a session is left at {target.url}: {name}")


def _of(*sockets: socket.socket | None) -> list[int]:
    return [one.fileno() for one in sockets if one is not None]


def _guard(
    users: SessionUsers, kept: Sequence[int], session: Session, keep_alive: float, renews: bool
) -> NoReturn:
    """The life of the guardian. Of descriptors it has those `kept`, and standard error."""
    code = 1
    try:
        _stand_apart(kept)
        keep(users, session, keep_alive, renews)
        code = 0
    finally:
        # Neither what `atexit` has nor what our caller would do next is for this process.
        os._exit(code)


def _stand_apart(kept: Sequence[int]) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = null_device()
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    for before, after in pairwise((2, *sorted(kept), 1024)):
        os.closerange(before + 1, after)


def keep(users: SessionUsers, session: Session, keep_alive: float, renews: bool) -> None:
    """Log in, keep the session in use, and log out once the last of its users has left."""
    try:
        told = session.hand_over()
    except SessionError as problem:
        users.refuse({"failed": str(problem)})
        return
    users.send_all({"opened": told})
    use = _using(users, session, renews)
    while True:
        last = _last_left(users, told, _until_used(told, keep_alive, renews), renews)
        if last is not None:
            ended = session.logout(tries=TRIES, timeout=SECONDS)
            if not send(last, {"ended": ended}) and not ended:
                sys.stderr.write(_left_behind(session, told))
            return
        told = use(told)


def _last_left(
    users: SessionUsers, told: Message, pause: float | None, renews: bool
) -> socket.socket | None:
    """Wait until the session has to be used. The last one's line, where that leaves before."""
    due = None if pause is None else time.monotonic() + pause
    while due is None or time.monotonic() < due:
        good = None if renews else _until_old(told)
        if good is not None and good <= 0:
            users.take_no_more()
            good = None
        left = None if due is None else max(0.0, due - time.monotonic())
        seconds = min((one for one in (left, good) if one is not None), default=None)
        last = users.last_left(seconds, {"opened": told})
        if last is not None:
            return last
    return None


def _until_used(told: Message, keep_alive: float, renews: bool) -> float | None:
    """Seconds until the session has to be used, or renewed."""
    good = _until_old(told) if renews else None
    pauses = [keep_alive] if keep_alive else []
    if good is not None:
        pauses.append(max(1.0, good))
    return min(pauses, default=None)


def _until_old(told: Message) -> float | None:
    """Seconds until its token is shortly before its end; None where that is not told."""
    ends: float | None = told["expires_at"]
    return None if ends is None else ends - time.time() - EARLY


def _using(users: SessionUsers, session: Session, renews: bool) -> Callable[[Message], Message]:
    """What is done from time to time: use the session, and say what has become of it.

    Of failures that follow each other the first is told. One that is over, for good, is handed to
    nobody any more.
    """
    fails = False

    def use(told: Message) -> Message:
        nonlocal fails
        before, fails = fails, False
        try:
            now = session.hand_over()
            if not session.keep_alive():
                if not renews:
                    users.take_no_more()
                    users.send_all({"over": True})
                    return told
                session.renew()
                now = session.hand_over()
        except SessionError as problem:
            fails = True
            if isinstance(problem, LoginRefused):  # no other is opened in its place then
                users.take_no_more()
            if not before:
                users.send_all({"trouble": str(problem)})
            return told
        if now["token"] != told["token"]:
            users.send_all({"renewed": now})
        return now

    return use


def _left_behind(session: Session, told: Message) -> str:
    digest = sha256(str(told["token"]).encode()).hexdigest()[:8]
    name = f"its key is {told['key']}" if told["key"] else f"its token's SHA-256 begins {digest}"
    return f"sessiongate: a session is left at {session.url()}: {name}\n"
