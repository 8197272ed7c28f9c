"""Logs each forwarded call of a trial (`dev --upstream`), beside the audit.

In operation the audit alone has them, since a log with every call would be too long to read.
"""

from collections.abc import Callable

import msgspec
import structlog

from sessiongate.audit.event import read

_FORWARDED = b'"event":"call forwarded"'

_log = structlog.get_logger("sessiongate.calls")


class LoggedCalls:
    """Takes copies of events, and hands each on to `ship`."""

    def __init__(self, ship: Callable[[bytes], None]) -> None:
        self._ship = ship

    def __call__(self, line: bytes) -> None:
        """Take a copy."""
        self._ship(line)
        if _FORWARDED not in line:
            return
        try:
            event = read(line)
        except msgspec.DecodeError:
            return
        _log.info(
            event.event,
            user=event.user,
            upstream=event.how,
            call=event.detail,
            result=event.result,
            reason=event.reason or None,
            merged=event.merged or None,
        )
