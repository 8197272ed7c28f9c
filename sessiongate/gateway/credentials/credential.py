"""The stored credential of a service account, tried no more often than the upstream can bear.

A password that is wrong is wrong for everybody who waits for a session: after one refusal nothing
more is tried until another password is there, somebody says so, or a quarter of an hour has passed.
vCenter's hardening guide locks an account for three failures in that time. A second password may
be there for the time in which the account gets it: it is tried once where the first is refused.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from math import ceil

import structlog

from sessiongate.errors import (
    BadCredentials,
    Malformed,
    OutcomeUnknown,
    Unavailable,
    UpstreamUnavailable,
)
from sessiongate.gateway.credentials.backoff import Backoff
from sessiongate.gateway.credentials.failing_logins import FailingLogins
from sessiongate.gateway.credentials.passwords import REFUSED, FormAttempts, LoginAttempts
from sessiongate.gateway.credentials.shared_refusals import SOAP, SharedRefusals
from sessiongate.secret import Secret
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.unread_logins import end_unread
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import (
    REFUSED_LOGINS,
    ReceivedFault,
    UpstreamSession,
    WireForm,
    read_login,
    write_end_of_unread,
    write_login,
)

UNKNOWN = (1.0, 30.0, 60.0, 300.0)
"""Where a login was sent and its answer was lost."""

NO_LOGIN = "the gateway cannot log in at the upstream"
"""What clients are told where a password is refused. The log says which."""

_REFUSED = "the password of the service account was refused"
_EXPIRED = "the password of the service account was refused, since it has expired"

_ELSEWHERE = (
    "the password of the service account was refused to another process, or before the start"
)

OnRefused = Callable[[str, str], Awaitable[None]]
"""Told of each password that was refused: the name of the account, and why."""

_LARGEST = 256 * 1024

LoginThere = Callable[[str, Secret], Awaitable[UpstreamSession | ReceivedFault]]
"""Opens a session by name and password, or says which fault was answered instead.

Raises BadCredentials for what was not sent, since no account has it, UpstreamUnavailable,
and Malformed for an answer that makes no sense."""

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
        attempts: LoginAttempts | None = None,
        settings: Sequence[str] = (),
        tell: OnRefused | None = None,
        login_there: LoginThere | None = None,
    ) -> None:
        """`passwords` are read anew, from files perhaps: the one to be used, then the next one.

        `locale` is that of the sessions, `refusals` what the store knows of passwords that were
        refused, `attempts` what has come of this account's passwords here, for all who log it in.
        `settings` are the names of those that hold the passwords. `login_there` is how one is
        tried: by SOAP, where it is not given.
        """
        self.refusals = refusals
        self._login_there = login_there or self._by_soap
        self._locale = locale
        self._upstream = upstream
        self.name = name
        self._passwords = passwords
        self._settings = settings or ("password",) * len(passwords)
        self._held_by: dict[bytes, str] = {}
        """Which setting holds a password that there was at the last look, by its digest."""
        self._tell = tell
        self._exchange = exchange
        self._timeout = timeout
        self.now = now
        self.attempts = attempts or LoginAttempts(now)
        self._tries = self.attempts.soap
        self._present: list[bytes] = []
        """Digests of those that there were at the last look."""
        self._why = _REFUSED
        self._unknown = Backoff(now, UNKNOWN)
        self._failing = FailingLogins(upstream, name, SOAP)
        self._meters = meters or UpstreamMeters()

    @property
    def is_held_back(self) -> bool:
        """Whether nothing is tried at this moment."""
        return self._left() > 0

    @property
    def problem(self) -> str:
        """Why nothing is tried, with the setting, the rule and the way out; "" where it is."""
        return self._explanation() if self.is_held_back else ""

    def resume(self) -> None:
        """Try again at the next need, whatever was."""
        self._tries.forget()
        self._unknown.reset()

    def has_new_password(self) -> bool:
        """Where nothing is tried since it was refused: whether another password is there now."""
        if not self._tries.has_refused:
            return False
        before = self._present
        self._read()
        return self._present != before

    async def login(self) -> UpstreamSession:
        """Open a session. Raises UpstreamUnavailable, also where nothing was tried."""
        async with self.attempts.lock:
            await self.load_refusals(SOAP, self._tries)
            for password in self.usable():
                digest = password.digest()
                opened = await self._try_password(password)
                if opened is not None:
                    if digest != self._present[0]:
                        self._warn_of_next(digest)
                    self.attempts.take(self._tries, digest)
                    self._unknown.reset()
                    return opened
                await self.refuse(SOAP, self._tries, digest, self._why)
            raise self._unavailable(self._left())

    def usable(self) -> list[Secret]:
        """The passwords that may be tried now. Raises UpstreamUnavailable where none may."""
        passwords = self._read()
        if left := self._left():
            raise self._unavailable(left)
        return [one for one in passwords if not self._tries.left(one.digest())]

    async def load_refusals(self, form: str, tries: FormAttempts) -> None:
        """Take over what the store knows of passwords that were refused at this form of login."""
        refusals = self.refusals
        if refusals is None:
            return
        for password in self._read():
            digest = password.digest()
            left = await refusals.left(form, digest, REFUSED)
            if left > 0 and not tries.left(digest):
                tries.refuse(digest, left)
                if form == SOAP:
                    self._why = _ELSEWHERE

    async def refuse(self, form: str, tries: FormAttempts, digest: bytes, why: str) -> None:
        """A password was refused at this form of login: remember it, here and in the store."""
        tries.refuse(digest)
        try:
            if self.refusals is not None:
                await self.refusals.refused(form, digest, REFUSED)
        finally:
            if self._tell is not None:
                with suppress(Unavailable):  # the log has it
                    await self._tell(self.name, self.explain(why, [digest]))

    def setting_of(self, digest: bytes) -> str:
        """The setting that holds this password."""
        return self._held_by.get(digest, self._settings[0])

    def explain(self, why: str, digests: Sequence[bytes]) -> str:
        """Why passwords are not tried, with the settings that hold them, and the way out."""
        settings = " and ".join(dict.fromkeys(map(self.setting_of, digests)))
        changed = "is noticed within seconds" if "_file" in settings else "takes a restart"
        return (
            f"{settings}: {why}. It is tried once in {REFUSED / 60:.0f} minutes: another one there"
            f" {changed}, and `sessiongate pools resume {self._upstream}` tries it again at once"
        )

    def _explanation(self) -> str:
        refused = [digest for digest in self._present if self._tries.left(digest)]
        return self.explain(self._why, refused) if refused else self._why

    def _read(self) -> list[Secret]:
        """The passwords that there are now, the one that was taken last before the other."""
        found: dict[bytes, Secret] = {}
        self._held_by = {}
        for setting, read in zip(self._settings, self._passwords, strict=True):
            password = read()
            found.setdefault(password.digest(), password)
            self._held_by.setdefault(password.digest(), setting)
        self._present = list(found)
        return self.attempts.in_order(self._tries, found.values())

    async def _try_password(self, password: Secret) -> UpstreamSession | None:
        """The session that this password opens, None where it is refused."""
        try:
            outcome = await self._request_login(password)
        except BadCredentials as error:
            self._say_refused(f"{error}: it was not sent", password.digest())
            return None
        if isinstance(outcome, UpstreamSession):
            self._failing.answered()
            return outcome
        if outcome.name not in REFUSED_LOGINS:
            self._meters.login("unavailable")
            said = outcome.name or "a fault that is not known"
            self._failing.failed(f"login: {said}")
            raise UpstreamUnavailable(f"{self._upstream}: login: {said}", says=NO_LOGIN)
        self._failing.answered()
        expired = outcome.name == "PasswordExpired"
        self._say_refused(_EXPIRED if expired else _REFUSED, password.digest())
        return None

    async def _by_soap(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        ask = write_login(WireForm.SOAP, name, password, self._locale)
        answer = await self._call(ask)
        try:
            return read_login(WireForm.SOAP, answer)
        except Malformed:
            await end_unread(self._upstream, write_end_of_unread(WireForm.SOAP, answer), self._call)
            raise

    async def _call(self, ask: Ask) -> Answer:
        return await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)

    async def _request_login(self, password: Secret) -> UpstreamSession | ReceivedFault:
        try:
            return await self._login_there(self.name, password)
        except (UpstreamUnavailable, Malformed) as error:
            self._meters.login("unavailable")
            why = f"login: {error}"
            if not self._exchange.is_unreachable:
                self._failing.failed(why)
            if isinstance(error, OutcomeUnknown):
                # A session that nobody knows of may be there, and each further try makes one more.
                self._unknown.failed()
                self._why = why
            says = error.says if isinstance(error, UpstreamUnavailable) else NO_LOGIN
            raise UpstreamUnavailable(f"{self._upstream}: {why}", says=says) from None

    def _left(self) -> float:
        """For how many seconds nothing is to be tried."""
        refused = [self._tries.left(digest) for digest in self._present]
        return max(self._unknown.left, min(refused, default=0.0))

    def _say_refused(self, why: str, digest: bytes) -> None:
        self._meters.login("refused")
        self._why = why
        _log.error(
            "a password of the service account is refused",
            upstream=self._upstream,
            account=self.name,
            why=self.explain(why, [digest]),
        )

    def _warn_of_next(self, digest: bytes) -> None:
        if digest != self._tries.taken:
            _log.warning(
                "the upstream takes the next password of the service account: make it the first",
                upstream=self._upstream,
                account=self.name,
            )

    def _unavailable(self, left: float) -> UpstreamUnavailable:
        why = f"{self._upstream}: {self._explanation()}"
        return UpstreamUnavailable(why, retry_after=ceil(left), says=NO_LOGIN)
