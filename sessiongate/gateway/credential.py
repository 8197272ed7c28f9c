"""The stored credential of a service account, tried no more often than the upstream can bear.

A password that is wrong is wrong for everybody who waits for a session: after one refusal nothing
more is tried until another password is there, somebody says so, or a quarter of an hour has passed.
vCenter's hardening guide locks an account for three failures in that time. An upstream that does
not answer is asked again after 1, 2, 4 and then every 5 seconds.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from sessiongate.errors import Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.client import (
    ReceivedFault,
    UpstreamSession,
    WireForm,
    read_login,
    write_login,
)

REFUSED = 15 * 60.0
"""Seconds after which a refused password is tried once more."""

_PAUSES = (1.0, 2.0, 4.0, 5.0)
_UNKNOWN = (1.0, 30.0, 60.0, 300.0)
"""Where a login was sent and its answer was lost."""

_LARGEST = 256 * 1024

_log = structlog.get_logger(__name__)


class Credential:
    """Name and password of one account, and when it may be tried. `now` is in seconds."""

    def __init__(
        self,
        upstream: str,
        name: str,
        password: Callable[[], Secret],
        exchange: Exchange,
        timeout: timedelta,
        now: Callable[[], float],
        meters: UpstreamMeters | None = None,
    ) -> None:
        """`password` reads it anew, from a file perhaps."""
        self._upstream = upstream
        self._name = name
        self._password = password
        self._exchange = exchange
        self._timeout = timeout
        self._now = now
        self._refused: bytes | None = None
        """The digest of the password that was refused."""
        self._not_before = 0.0
        self._failures = 0
        self._meters = meters or UpstreamMeters()

    @property
    def is_refused(self) -> bool:
        """Whether the upstream has refused the password, and nothing is tried therefore."""
        return self._refused is not None and self._now() < self._not_before

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is tried at this moment, since it was refused or got no answer."""
        return self._now() < self._not_before

    def resume(self) -> None:
        """Try again at the next need, whatever was."""
        self._refused, self._not_before, self._failures = None, 0.0, 0

    async def login(self) -> UpstreamSession:
        """Open a session. Raises UpstreamUnavailable, also where nothing was tried."""
        password = self._password()
        digest = password.digest()
        if self._now() < self._not_before and (self._refused is None or self._refused == digest):
            raise UpstreamUnavailable(self._why(), retry_after=self._wait())
        try:
            answer = await self._exchange.exchange(
                write_login(WireForm.SOAP, self._name, password),
                within=self._timeout,
                largest=_LARGEST,
            )
            outcome = read_login(WireForm.SOAP, answer)
        except (UpstreamUnavailable, Malformed) as error:
            # A session that nobody knows of may be there, and each further try makes one more.
            self._pause(_UNKNOWN if isinstance(error, OutcomeUnknown) else _PAUSES)
            raise UpstreamUnavailable(f"{self._upstream}: login: {error}") from None
        if isinstance(outcome, ReceivedFault):
            if outcome.name != "InvalidLogin":
                self._pause(_PAUSES)
                said = outcome.name or "a fault that is not known"
                raise UpstreamUnavailable(f"{self._upstream}: login: {said}")
            self._meters.login("refused")
            self._refused, self._not_before = digest, self._now() + REFUSED
            _log.error(
                "the upstream refuses the password of the service account",
                upstream=self._upstream,
                account=self._name,
            )
            raise UpstreamUnavailable(self._why(), retry_after=self._wait())
        self.resume()
        return outcome

    def _why(self) -> str:
        if self._refused is not None:
            return f"{self._upstream}: the password of the service account was refused"
        return f"{self._upstream}: it does not answer"

    def _wait(self) -> int:
        return max(1, round(self._not_before - self._now()))

    def _pause(self, pauses: tuple[float, ...]) -> None:
        """Ask no sooner than after a while that grows."""
        self._meters.login("unavailable")
        pause = pauses[min(self._failures, len(pauses) - 1)]
        self._failures += 1
        self._refused, self._not_before = None, self._now() + pause
