"""Logins of the service account to an Automation API that keeps its own sessions.

The passwords are those of the account's `credential`. One that the Automation API refuses is not
tried there for a quarter of an hour, and holds nothing back at SOAP, which may take it: a server
that has no Basic logins refuses everybody. What SOAP refuses is not tried here.
"""

import asyncio
from datetime import timedelta
from math import ceil

import structlog

from sessiongate.errors import BadCredentials, Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.credential import REFUSED, UNKNOWN, Credential
from sessiongate.gateway.pauses import Pauses
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.automation import client as rest
from sessiongate.wire.automation.client import RestSession

_LARGEST = 64 * 1024

_log = structlog.get_logger(__name__)


class RestLogins:
    """Of one upstream, one at a time."""

    def __init__(
        self,
        upstream: str,
        exchange: Exchange,
        timeout: timedelta,
        meters: UpstreamMeters,
        credential: Credential,
    ) -> None:
        self._upstream = upstream
        self._exchange = exchange
        self._timeout = timeout
        self._now = credential.now
        self._meters = meters
        self._credential = credential
        self._turn = asyncio.Lock()
        self.resume()

    def resume(self) -> None:
        """Try again at the next need, whatever was."""
        self._refused: dict[bytes, float] = {}
        """Digests of the passwords that were refused, and until when they are not tried."""
        self._away, self._unknown = Pauses(self._now), Pauses(self._now, UNKNOWN)
        self._why = ""

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is tried at this moment."""
        now = self._now()
        paused = max(self._away.left, self._unknown.left) > 0
        return paused or any(until > now for until in self._refused.values())

    async def login(self, path: str) -> RestSession:
        """Open a session by this face. Raises UpstreamUnavailable, also where nothing was tried."""
        async with self._turn:
            if left := max(self._away.left, self._unknown.left):
                raise self._unavailable(left)
            left = 0.0
            for password in self._credential.usable():
                digest = password.digest()
                left = self._refused.get(digest, 0.0) - self._now()
                if left > 0:
                    continue
                opened = await self._tried(path, password)
                if opened is not None:
                    self.resume()
                    return opened
                self._refused[digest], left = self._now() + REFUSED, REFUSED
            raise self._unavailable(left)

    async def _tried(self, path: str, password: Secret) -> RestSession | None:
        """The session that this password opens, None where it is refused."""
        try:
            ask = rest.write_login(path, self._credential.name, password)
            answer = await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)
            token = rest.read_login(answer)
        except BadCredentials as error:
            token, self._why = None, f"{error}: it was not sent"
        except (UpstreamUnavailable, Malformed) as error:
            self._meters.login("unavailable")
            # A session that nobody knows of may be there, and each further try makes one more.
            (self._unknown if isinstance(error, OutcomeUnknown) else self._away).failed()
            self._why = f"login to the Automation API: {error}"
            raise UpstreamUnavailable(f"{self._upstream}: {self._why}") from None
        else:
            self._why = "the Automation API has refused the password of the service account"
        if token is not None:
            return RestSession(path, token)
        self._meters.login("refused")
        _log.error(
            "the Automation API refuses the service account",
            upstream=self._upstream,
            account=self._credential.name,
            why=self._why,
        )
        return None

    def _unavailable(self, left: float) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"{self._upstream}: {self._why}", retry_after=ceil(left))
