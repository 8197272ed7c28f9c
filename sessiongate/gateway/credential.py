"""The stored credential of a service account, tried no more often than the upstream can bear.

A password that is wrong is wrong for everybody who waits for a session: after one refusal nothing
more is tried until another password is there, somebody says so, or a quarter of an hour has passed.
vCenter's hardening guide locks an account for three failures in that time.
"""

from collections.abc import Callable
from datetime import timedelta
from math import ceil

import structlog

from sessiongate.errors import BadCredentials, Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.pauses import Pauses
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Ask
from sessiongate.wire.vim.client import (
    ReceivedFault,
    UpstreamSession,
    WireForm,
    read_login,
    write_login,
)

REFUSED = 15 * 60.0
"""Seconds after which a refused password is tried once more."""

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
        self._refused_until = 0.0
        self._why = ""
        self._unknown = Pauses(now, _UNKNOWN)
        self._meters = meters or UpstreamMeters()

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is tried at this moment."""
        return self._left(self._refused) > 0

    def resume(self) -> None:
        """Try again at the next need, whatever was."""
        self._refused = None
        self._unknown.over()

    async def login(self) -> UpstreamSession:
        """Open a session. Raises UpstreamUnavailable, also where nothing was tried."""
        password = self._password()
        digest = password.digest()
        if left := self._left(digest):
            raise self._unavailable(left)
        try:
            ask = write_login(WireForm.SOAP, self._name, password)
        except BadCredentials as error:
            raise self._refuse(digest, f"{error}: it was not sent") from None
        outcome = await self._asked(ask)
        if isinstance(outcome, ReceivedFault):
            if outcome.name != "InvalidLogin":
                self._meters.login("unavailable")
                said = outcome.name or "a fault that is not known"
                raise UpstreamUnavailable(f"{self._upstream}: login: {said}")
            raise self._refuse(digest, "the password of the service account was refused")
        self.resume()
        return outcome

    async def _asked(self, ask: Ask) -> UpstreamSession | ReceivedFault:
        try:
            answer = await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)
            return read_login(WireForm.SOAP, answer)
        except (UpstreamUnavailable, Malformed) as error:
            self._meters.login("unavailable")
            why = f"login: {error}"
            if isinstance(error, OutcomeUnknown):
                # A session that nobody knows of may be there, and each further try makes one more.
                self._unknown.failed()
                self._why = why
            raise UpstreamUnavailable(f"{self._upstream}: {why}") from None

    def _left(self, digest: bytes | None) -> float:
        """For how many seconds the password of this digest is not to be tried."""
        left = self._unknown.left
        if digest is not None and digest == self._refused:
            left = max(left, self._refused_until - self._now())
        return left

    def _refuse(self, digest: bytes, why: str) -> UpstreamUnavailable:
        """What to raise where nothing is to be tried again soon, nor with this password."""
        self._meters.login("refused")
        self._refused, self._refused_until, self._why = digest, self._now() + REFUSED, why
        _log.error(
            "the password of the service account is refused",
            upstream=self._upstream,
            account=self._name,
            why=why,
        )
        return self._unavailable(REFUSED)

    def _unavailable(self, left: float) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"{self._upstream}: {self._why}", retry_after=ceil(left))
