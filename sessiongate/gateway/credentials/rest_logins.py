"""Logins of the service account to an Automation API that keeps its own sessions.

The passwords are those of the account's `credential`, and the one that was taken last goes first.
One that the Automation API refuses is not tried there for a quarter of an hour, and holds nothing
back at SOAP, which may take it: a server that has no Basic logins refuses everybody. Where another
one is taken here then, that goes first at SOAP too. What SOAP refuses is not tried here.
"""

import asyncio
from datetime import timedelta
from math import ceil

import structlog

from sessiongate.errors import BadCredentials, Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.credentials.backoff import Backoff
from sessiongate.gateway.credentials.credential import NO_LOGIN, UNKNOWN, Credential
from sessiongate.gateway.credentials.failing_logins import FailingLogins
from sessiongate.gateway.credentials.shared_refusals import REST
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.automation import client as rest
from sessiongate.wire.automation.client import RestSession

_REFUSED = "the Automation API has refused the password of the service account"

_OF_NO_USE = (0.0, 0.0, 1.0, 5.0, 30.0, 60.0)
"""Where sessions are over as soon as they are open. A service there may have begun anew, twice."""

_SHORT = 60.0
"""Seconds for which a session has to live to have been of use."""

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
        self._tries = credential.attempts.rest
        self._away, self._unknown = Backoff(self._now), Backoff(self._now, UNKNOWN)
        self._of_no_use, self._noticed_at = Backoff(self._now, _OF_NO_USE), 0.0
        self._held_until = 0.0
        """Until when all passwords that there were at the last look are refused."""
        self._refused: list[bytes] = []
        """Digests of those."""
        self._why = _REFUSED
        self._failing = FailingLogins(upstream, credential.name, REST)

    def resume(self) -> None:
        """Try again at the next need, whatever was."""
        self._tries.forget()
        self._held_until = 0.0
        self._of_no_use.reset()
        self._end_pauses()

    def _end_pauses(self) -> None:
        self._away.reset()
        self._unknown.reset()

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is tried at this moment."""
        return self._pause_left > 0 or self._held_until > self._now()

    @property
    def _pause_left(self) -> float:
        return max(self._away.left, self._unknown.left, self._of_no_use.left)

    @property
    def problem(self) -> str:
        """Why nothing is tried, with the setting, the rule and the way out; "" where it is."""
        return self._explanation() if self.is_held_back else ""

    def now(self) -> float:
        """In seconds, by the clock of its pauses."""
        return self._now()

    def is_over(self, opened_at: float) -> None:
        """The upstream has ended a session that was opened then, or never knew it."""
        if self._now() - opened_at > _SHORT:
            self._of_no_use.reset()
        elif opened_at >= self._noticed_at:  # else it has ended with one that has been counted
            self._noticed_at = self._now()
            self._of_no_use.failed()
            self._why = "the Automation API lets us log in, and knows nothing of the session"

    async def login(self, path: str) -> RestSession:
        """Open a session by this face. Raises UpstreamUnavailable, also where nothing was tried."""
        attempts, tries = self._credential.attempts, self._tries
        async with self._turn, attempts.lock:
            if left := self._pause_left:
                raise self._unavailable(left)
            await self._credential.load_refusals(REST, tries)
            passwords = attempts.in_order(tries, self._credential.usable())
            for password in passwords:
                if tries.left(digest := password.digest()):
                    continue
                opened = await self._try_password(path, password)
                if opened is not None:
                    attempts.take(tries, digest)
                    self._end_pauses()
                    self._held_until = 0.0
                    return opened
                await self._credential.refuse(REST, tries, digest, self._why)
            left = min(tries.left(one.digest()) for one in passwords)
            self._held_until = self._now() + left
            self._refused = [one.digest() for one in passwords]
            raise self._unavailable(left)

    async def _try_password(self, path: str, password: Secret) -> RestSession | None:
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
            if not self._exchange.is_unreachable:
                self._failing.failed(self._why)
            says = error.says if isinstance(error, UpstreamUnavailable) else NO_LOGIN
            raise UpstreamUnavailable(f"{self._upstream}: {self._why}", says=says) from None
        else:
            self._why = _REFUSED
            self._failing.answered()
        if token is not None:
            return RestSession(path, token)
        self._meters.login("refused")
        _log.error(
            "the Automation API refuses the service account",
            upstream=self._upstream,
            account=self._credential.name,
            why=self._credential.explain(self._why, [password.digest()]),
        )
        return None

    def _explanation(self) -> str:
        if self._pause_left or self._held_until <= self._now():
            return self._why
        return self._credential.explain(self._why, self._refused)

    def _unavailable(self, left: float) -> UpstreamUnavailable:
        why = f"{self._upstream}: {self._explanation()}"
        return UpstreamUnavailable(why, retry_after=ceil(left), says=NO_LOGIN)
