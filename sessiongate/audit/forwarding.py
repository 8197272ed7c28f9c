"""Copies of audit events to a file of JSON lines and to syslog, off the event loop.

Each receiver has a thread and a queue of its own, so that one which is away or stuck holds up
neither the server nor the other. A copy that cannot be delivered is tried again; what does not fit
the queue, and what is still waiting some seconds after the server was told to stop, is counted and
said. The audit in the store has it all the same.
"""

import errno
import os
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import structlog

from sessiongate.audit.own_output import NUMBERS, OwnOutput
from sessiongate.errors import ConfigError
from sessiongate.files import open_named
from sessiongate.remedies import because

# About ten seconds of a login storm; beyond it a receiver that does not keep up loses copies.
_MOST_WAITING = 50_000

# How long a receiver may take to accept a connection or a copy. A log host that is up answers in
# milliseconds; one that is gone from the network would otherwise hold us for minutes.
_ANSWER = 5.0

# Between two tries of a copy that was not taken: soon at first, as a syslog is often only being
# restarted, then no more often than an outage of hours deserves.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0

# What is waiting at a stop gets so long. Beyond, the stop counts for more than the copies.
PATIENCE = timedelta(seconds=3)

# How long a thread has to notice that its connection was shut under it.
_LAST_WAIT = 1.0

# authpriv (10), info (6), as RFC 5424 puts them together.
_PRIORITY = b"<86>"

_APPENDING = os.O_WRONLY | os.O_APPEND

_NAME_ANOTHER = (
    "name a file that the server may write, or have a syslog take the copies (audit.syslog)"
)

_log = structlog.get_logger("sessiongate.audit")


class _Receiver(Protocol):
    """Where copies go. Only its thread calls it, but for `abort`."""

    name: str

    def send(self, line: bytes, within: float) -> None:
        """Deliver one copy. Raises OSError where it could not be."""
        ...

    def abort(self) -> None:
        """Make a `send` that is under way fail. Called by another thread."""
        ...

    def close(self) -> None: ...


class AuditForwarder:
    """Takes each event to where the settings say. `close` in the end.

    Raises ConfigError for a file that cannot be written. A syslog is first spoken to when there is
    something to say, by a thread: one that is away holds up no start.
    """

    def __init__(
        self, file: Path | None, syslog: str | None, *, most_waiting: int = _MOST_WAITING
    ) -> None:
        receivers: list[_Receiver] = []
        if file is not None:
            number = NUMBERS.get(file)
            receivers.append(_File(file) if number is None else OwnOutput(number))
        if syslog is not None:
            receivers.append(_Syslog(syslog))
        self._queues = [_ReceiverQueue(one, most_waiting) for one in receivers]

    def __call__(self, line: bytes) -> None:
        """Ship a copy of an event. Never blocks, never raises."""
        for queue in self._queues:
            queue.take(line)

    @property
    def lost(self) -> int:
        """How many copies will never be delivered."""
        return sum(queue.lost for queue in self._queues)

    def close(self, patience: timedelta = PATIENCE) -> None:
        """Deliver what is waiting, as far as that goes within the patience. Idempotent."""
        until = time.monotonic() + patience.total_seconds()
        for queue in self._queues:
            queue.finish(until)
        for queue in self._queues:
            queue.join(until)


class _ReceiverQueue:
    """One receiver's queue, and the thread that empties it."""

    def __init__(self, receiver: _Receiver, most_waiting: int) -> None:
        self.lost = 0
        self._receiver = receiver
        self._most = most_waiting
        self._waiting: deque[bytes] = deque()
        self._news = threading.Condition()
        self._until: float | None = None
        """When to give up, once the server stops."""
        self._failing = False
        # A daemon: whatever a receiver does, the process can end. It is started by the first copy.
        self._thread = threading.Thread(
            target=self._run, name=f"sessiongate-audit-{receiver.name}", daemon=True
        )

    # What other threads call.

    def take(self, line: bytes) -> None:
        """Put a copy into the queue."""
        with self._news:
            if self._until is not None:
                return
            if len(self._waiting) >= self._most:
                self.lost += 1
                first = self.lost == 1
            else:
                first = False
                self._waiting.append(line)
                self._news.notify()
            if self._thread.ident is None:
                self._thread.start()
        if first:
            _log.error(
                "copies of audit events are being lost: file or syslog does not keep up",
                to=self._receiver.name,
            )

    def finish(self, until: float) -> None:
        """Take no more, and give up at this time."""
        with self._news:
            if self._until is None:
                self._until = until
                self._news.notify()

    def join(self, until: float) -> None:
        """Wait for the end, and say what was not delivered by then."""
        if self._thread.ident is None:
            return
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._receiver.abort()
            self._thread.join(_LAST_WAIT)
        with self._news:
            left = len(self._waiting)
            self._waiting.clear()
        if left:
            self.lost += left
            _log.error(
                "copies of audit events were not delivered", to=self._receiver.name, copies=left
            )

    # From here on: the thread.

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while (line := self._next()) is not None:
            last = self._until is not None
            try:
                self._receiver.send(line, self._within())
            except OSError as error:
                if error.errno == errno.EMSGSIZE:  # no second try makes it shorter
                    self._done(lost=True)
                    continue
                self._failed(error)
                if last:
                    break
                self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._done()
                pause = _FIRST_PAUSE
                if self._failing:
                    self._failing = False
                    _log.info("copies of audit events are delivered again", to=self._receiver.name)
        self._receiver.close()

    def _next(self) -> bytes | None:
        """The copy whose turn it is, which stays in the queue; None when all is over."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._until is not None)
            over = self._until is not None and time.monotonic() >= self._until
            return self._waiting[0] if self._waiting and not over else None

    def _within(self) -> float:
        if self._until is None:
            return _ANSWER
        # 0 would mean "do not block at all".
        return max(0.001, min(_ANSWER, self._until - time.monotonic()))

    def _done(self, *, lost: bool = False) -> None:
        with self._news:
            if self._waiting:  # else the stop has counted it already
                self._waiting.popleft()
                self.lost += lost

    def _rest(self, seconds: float) -> None:
        """Pause, unless the server stops."""
        with self._news:
            self._news.wait_for(lambda: self._until is not None, seconds)

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.error(
                "copies of audit events cannot be delivered",
                to=self._receiver.name,
                why=error.strerror or type(error).__name__,
            )


def file_problem(path: Path) -> str:
    """Why no server would start with this for `audit.file`, empty where one would.

    Nothing is made.
    """
    if path in NUMBERS:
        return ""
    try:
        os.close(open_named(path, _APPENDING))
    except FileNotFoundError as missing:
        if not path.parent.is_dir():
            return _refusal(path, missing)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"{path} cannot be written: {path.parent} takes no new files; {_NAME_ANOTHER}"
    except OSError as error:
        return _refusal(path, error)
    return ""


def _refusal(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        # Not made: it would be a directory of an owner and a mode that nobody chose.
        return f"the directory {path.parent} does not exist; make it"
    return f"{path} cannot be written: {because(error, _NAME_ANOTHER)}"


class _File:
    """A file of lines, which a log rotator may move away."""

    name = "audit.file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number: int | None = None
        self._torn = False
        try:
            os.close(self._opened())
        except OSError as error:
            raise ConfigError([f"audit.file: {_refusal(path, error)}"]) from None

    def send(self, line: bytes, within: float) -> None:
        if self._number is not None and not self._is_still_there(self._number):
            self.close()
            self._torn = False
        if self._number is None:
            self._number = self._opened()
        # Half a line that a full disk has left stays a line of its own.
        data = (b"\n" if self._torn else b"") + line + b"\n"
        written = os.write(self._number, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def abort(self) -> None:
        """Nothing wakes a write to a disk."""

    def close(self) -> None:
        if self._number is not None:
            os.close(self._number)
            self._number = None

    def _opened(self) -> int:
        return open_named(self._path, _APPENDING | os.O_CREAT)

    def _is_still_there(self, number: int) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(number)
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)


class _Syslog:
    """A syslog: udp:HOST:PORT, tcp:HOST:PORT or unix:PATH."""

    name = "audit.syslog"

    def __init__(self, target: str) -> None:
        self._kind, _, self._where = target.partition(":")
        self._socket: socket.socket | None = None

    def send(self, line: bytes, within: float) -> None:
        try:
            if self._socket is not None and _has_hung_up(self._socket):
                self.close()
            if self._socket is None:
                self._socket = self._connected(within)
            self._socket.settimeout(within)
            if self._socket.type == socket.SOCK_STREAM:
                # RFC 6587, 3.4.2: lines are what every syslog reads from a stream.
                self._socket.sendall(_PRIORITY + line + b"\n")
            else:
                self._socket.send(_PRIORITY + line + b"\0")
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                # Perhaps half of it went out: what follows belongs on a connection of its own.
                self.close()
            raise

    def abort(self) -> None:
        connection = self._socket
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self, within: float) -> socket.socket:
        if self._kind == "unix":
            try:
                return _connect(socket.AF_UNIX, socket.SOCK_DGRAM, self._where, within)
            except OSError as error:
                if error.errno != errno.EPROTOTYPE:
                    raise
                return _connect(socket.AF_UNIX, socket.SOCK_STREAM, self._where, within)
        host, _, port = self._where.rpartition(":")
        host = host.strip("[]")
        if self._kind == "tcp":
            return socket.create_connection((host, int(port)), within)
        family, kind, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
        return _connect(family, kind, address, within)


def _connect(
    family: int, kind: int, address: str | tuple[object, ...], within: float
) -> socket.socket:
    made = socket.socket(family, kind)
    try:
        made.settimeout(within)
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end of a stream has closed: what is sent to it now is lost unseen."""
    if connection.type != socket.SOCK_STREAM:
        return False
    connection.settimeout(0)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
