"""When a session may be opened again after a failure, and what those are told who need one."""

from collections.abc import Callable
from math import ceil

import structlog

from sessiongate.errors import SessionGateError, Unavailable, UpstreamUnavailable
from sessiongate.gateway.credentials.backoff import Backoff
from sessiongate.telemetry.tracebacks import traced

_log = structlog.get_logger(__name__)


class OpeningBackoff:
    """When sessions of one kind may be opened, after some could not be. `now` is in seconds."""

    def __init__(self, now: Callable[[], float], backoff: Backoff | None = None) -> None:
        self._now = now
        self._backoff = backoff or Backoff(now)
        self._why = "nothing was tried yet"
        self._says = ""
        self._useless_until = 0.0
        """Before when it is known to fail, such as by a password that was refused."""

    @property
    def left(self) -> float:
        """For how many seconds nothing is to be tried."""
        return self._backoff.left

    def failed(self, error: BaseException) -> SessionGateError:
        """It was tried, and failed: what they are told who have waited for it."""
        if not isinstance(error, SessionGateError):
            _log.error("a session at the upstream could not be opened", **traced(error))
            error = UpstreamUnavailable("no session at the upstream could be opened")
        self._backoff.failed()
        self._why = str(error)
        self._says = error.says
        useless = error.useless_for if isinstance(error, Unavailable) else 0
        self._useless_until = self._now() + useless
        return error

    def reset(self) -> None:
        """It has come out well, or somebody wants it to be tried now."""
        self._backoff.reset()

    def refusal(self) -> UpstreamUnavailable:
        """What they are told who need one meanwhile."""
        left = max(self._backoff.left, self._useless_until - self._now())
        soon = max(1, ceil(left))
        return UpstreamUnavailable(self._why, retry_after=soon, says=self._says)
