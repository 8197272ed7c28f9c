"""Copies of audit events to a file of JSON lines or to syslog, off the event loop.

The standard library's handlers do the work on a thread of their own: a file that a log rotator
moved away is opened anew, and a syslog that does not answer holds up nobody. Events that do not
fit the queue are counted and said; the audit in the store has them all the same.
"""

import logging
import logging.handlers
import queue
import socket
from pathlib import Path

import structlog

from sessiongate.errors import ConfigError

# About ten seconds of a login storm; beyond it a receiver that does not keep up loses copies.
_WAITING = 50_000

_log = structlog.get_logger("sessiongate.audit")


class Shipping:
    """Takes each event to where the settings say. `close` writes what is waiting."""

    def __init__(self, file: Path | None, syslog: str | None) -> None:
        handlers = [handler for handler in (_file(file), _syslog(syslog)) if handler is not None]
        self._waiting: queue.Queue[logging.LogRecord] = queue.Queue(_WAITING)
        self._lost = 0
        self._listener = None
        if handlers:
            self._listener = logging.handlers.QueueListener(self._waiting, *handlers)
            self._listener.start()
        self._handlers = handlers

    def __call__(self, line: bytes) -> None:
        """Ship a copy of an event. Never blocks, never raises."""
        if self._listener is None:
            return
        record = logging.LogRecord("audit", logging.INFO, "", 0, line.decode(), None, None)
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._lost += 1
            if self._lost == 1:
                _log.error("copies of audit events are being lost: file or syslog does not keep up")

    def close(self) -> None:
        """Write what is waiting, and let go."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        for handler in self._handlers:
            handler.close()


class _SaysOnce:
    """What a handler does about an error of its own: say it once, until it works again."""

    failing = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Called by logging where a copy could not be delivered."""
        if not self.failing:
            self.failing = True
            _log.error("copies of audit events cannot be delivered", to=type(self).__name__)


class _File(_SaysOnce, logging.handlers.WatchedFileHandler):
    pass


class _Syslog(_SaysOnce, logging.handlers.SysLogHandler):
    pass


def _file(path: Path | None) -> logging.Handler | None:
    if path is None:
        return None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        return _File(path, encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"audit.file: {path} cannot be written: {error.strerror}"]) from None


def _syslog(target: str | None) -> logging.Handler | None:
    if target is None:
        return None
    kind, _, rest = target.partition(":")
    facility = logging.handlers.SysLogHandler.LOG_AUTHPRIV
    try:
        if kind == "unix":
            return _Syslog(rest, facility)
        host, _, port = rest.rpartition(":")
        stream = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        return _Syslog((host.strip("[]"), int(port)), facility, stream)
    except OSError as error:
        raise ConfigError([f"audit.syslog: cannot be reached: {error.strerror}"]) from None
