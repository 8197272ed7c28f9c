"""The stored credential of a service account, tried no more often than the upstream can bear.

A password that is wrong is wrong for everybody who waits for a session: after one refusal nothing
more is tried until another password is there, somebody says so, or a quarter of an hour has passed.
vCenter's hardening guide locks an account for three failures in that time. A second password may
be there for the time in which the account gets it: it is tried once where the first is refused.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from math import ceil

import structlog

from sessiongate.errors import BadCredentials, Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.gateway.credentials.passwords import REFUSED, Attempts
from sessiongate.gateway.credentials.pauses import Pauses
from sessiongate.gateway.credentials.shared_refusals import SharedRefusals
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Ask
from sessiongate.wire.vim.client import (
    REFUSED_LOGINS,
    ReceivedFault,
    UpstreamSession,
    WireForm,
    read_login,
    write_login,
)

UNKNOWN = (1.0, 30.0, 60.0, 300.0)
"""Where a login was sent and its answer was lost."""

_REFUSED = "the password of the service account was refused"
_EXPIRED = "the password of the service account was refused, since it has expired"

_LARGEST = 256 * 1024

_log = structlog.get_logger(__name__)


class Credential:
    """Name and password of one account, and when it may be tried. `now` is in seconds."""

    def __init__(
        self,
        upstream: str,
        name: str,
        passwords: Sequence[Callable[[], Secret]],
        exchange: Exchange,
        timeout: timedelta,
        now: Callable[[], float],
        meters: UpstreamMeters | None = None,
        *,
        locale: str = "",
        refusals: SharedRefusals | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        """`passwords` are read anew, from files perhaps: the one to be used, then the next one.

        `locale` is that of the sessions, `refusals` what other processes have had refused,
        `attempts` what has come of this account's passwords here, for all who log it in.
        """
        self.refusals = refusals
        self._locale = locale
        self._upstream = upstream
        self.name = name
        self._passwords = passwords
        self._exchange = exchange
        self._timeout = timeout
        self.now = now
        self.attempts = attempts or Attempts(now)
        self._tries = self.attempts.soap
        self._present: list[bytes] = []
        """Digests of those that there were at the last look."""
        self._why = _REFUSED
        self._unknown = Pauses(now, UNKNOWN)
        self._meters = meters or UpstreamMeters()

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is tried at this moment."""
        return self._left() > 0

    def resume(self) -> None:
        """Try again at the next need, whatever was."""
        self._tries.forget()
        self._unknown.over()

    def look(self) -> bool:
        """Where nothing is tried since it was refused: whether another password is there now."""
        if not self._tries.has_refused:
            return False
        before = self._present
        self._read()
        return self._present != before

    async def login(self) -> UpstreamSession:
        """Open a session. Raises UpstreamUnavailable, also where nothing was tried."""
        await self._hear()
        for password in self.usable():
            digest = password.digest()
            opened = await self._tried(password)
            if opened is not None:
                if digest != self._present[0]:
                    self._warn_of_next(digest)
                self.attempts.take(self._tries, digest)
                self._unknown.over()
                return opened
            self._tries.refuse(digest)
            if self.refusals is not None:
                await self.refusals.refused(digest, REFUSED)
        raise self._unavailable(self._left())

    def usable(self) -> list[Secret]:
        """The passwords that may be tried now. Raises UpstreamUnavailable where none may."""
        passwords = self._read()
        if left := self._left():
            raise self._unavailable(left)
        return [one for one in passwords if not self._tries.left(one.digest())]

    async def _hear(self) -> None:
        """Take over what was refused to other processes."""
        if self.refusals is None:
            return
        for password in self._read():
            digest = password.digest()
            left = await self.refusals.left(digest)
            if left > 0 and not self._tries.left(digest):
                self._tries.refuse(digest, left)
                self._why = "the password of the service account was refused to another process"

    def _read(self) -> list[Secret]:
        """The passwords that there are now, the one that was taken last before the other."""
        found = {password.digest(): password for password in (read() for read in self._passwords)}
        self._present = list(found)
        return self.attempts.in_order(self._tries, found.values())

    async def _tried(self, password: Secret) -> UpstreamSession | None:
        """The session that this password opens, None where it is refused."""
        try:
            ask = write_login(WireForm.SOAP, self.name, password, self._locale)
        except BadCredentials as error:
            self._say_refused(f"{error}: it was not sent")
            return None
        outcome = await self._asked(ask)
        if isinstance(outcome, UpstreamSession):
            return outcome
        if outcome.name not in REFUSED_LOGINS:
            self._meters.login("unavailable")
            said = outcome.name or "a fault that is not known"
            raise UpstreamUnavailable(f"{self._upstream}: login: {said}")
        expired = outcome.name == "PasswordExpired"
        self._say_refused(_EXPIRED if expired else _REFUSED)
        return None

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

    def _left(self) -> float:
        """For how many seconds nothing is to be tried."""
        refused = [self._tries.left(digest) for digest in self._present]
        return max(self._unknown.left, min(refused, default=0.0))

    def _say_refused(self, why: str) -> None:
        self._meters.login("refused")
        self._why = why
        _log.error(
            "a password of the service account is refused",
            upstream=self._upstream,
            account=self.name,
            why=why,
        )

    def _warn_of_next(self, digest: bytes) -> None:
        if digest != self._tries.taken:
            _log.warning(
                "the upstream takes the next password of the service account: make it the first",
                upstream=self._upstream,
                account=self.name,
            )

    def _unavailable(self, left: float) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"{self._upstream}: {self._why}", retry_after=ceil(left))
