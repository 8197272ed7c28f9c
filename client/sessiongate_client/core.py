"""A session at one server, shared by all threads and tasks of a program.

It logs in when it is first needed, and anew when a request finds it dead: once for all who find
that out. A password that was refused is not sent again before `renew()`. What is left open is
logged out of at the end of the program (`endings`).
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, Optional, Union

from . import endings
from .errors import (
    Busy,
    LoginRefused,
    SessionClosed,
    SessionError,
    UnexpectedAnswer,
    Unreachable,
    WrongHost,
)
from .flight import Flight
from .repeats import LONGEST_WAIT, MOST_REPEATS, seconds_of
from .wire import Answer, Ask, Opened

if TYPE_CHECKING:
    import ssl

    from .dialects import Dialect

_MOST_PLACES = 1000
"""Addresses that are remembered for refusing every session."""

_EARLY = 5.0
"""Seconds before its end at which an access token is replaced."""

_SHORTEST = 0.01
"""Seconds of a limit at least: none at all would be no limit."""


class Core:
    """What a session does of its own accord; `session.Session` has what callers use.

    `password` is a text, or a function that is called for each login and returns one. `ca` is the
    path of a PEM file, `fingerprint` the SHA-256 of the server's certificate; with neither the
    system's CAs are believed. `clock` and `wait` are for tests.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: Union[str, Callable[[], str]],
        *,
        ca: Union[str, os.PathLike[str], None] = None,
        fingerprint: Optional[str] = None,
        logout_on_sigterm: bool = False,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        from .addresses import base_of

        self._base = base_of(url)
        self._user = user
        self._password = password if callable(password) else lambda: password
        self._ca = os.fspath(ca) if ca is not None else None
        self._fingerprint = fingerprint
        self._limits = (connect_timeout, read_timeout)
        self._clock = clock
        self.wait = wait
        self._lock = threading.RLock()
        self._opened: Optional[Opened] = None
        self._flight: Optional[Flight[Opened]] = None
        self._refused: Optional[LoginRefused] = None
        self._closed = False
        self._generation = 0
        self._in_vain: set[str] = set()
        self._context: Optional[ssl.SSLContext] = None
        self._forms: Optional[Sequence[Dialect]] = None
        if fingerprint is not None:
            from .trust import digest_of

            digest_of(fingerprint)
        if logout_on_sigterm:
            endings.on_sigterm()

    def _dialects(self) -> Sequence[Dialect]:
        """The forms of login, tried in this order where the server has no such address (404)."""
        raise NotImplementedError

    def current(self) -> Opened:
        """The session that is open, opened where there is none. Raises SessionError."""
        opened = self._opened
        if opened is not None and not self._is_old(opened):
            return opened
        try:
            return self.instead_of(opened)
        except (Busy, Unreachable, UnexpectedAnswer):
            if opened is None or opened.expires_at is None or self._clock() >= opened.expires_at:
                raise
            return opened  # its token is good for some seconds still

    def instead_of(self, dead: Optional[Opened]) -> Opened:
        """Another session than this one, which is dead or old: opened once for all who ask.

        Raises SessionError: LoginRefused without asking the server where it has refused before.
        """
        while True:
            with self._lock:
                if self._closed:
                    raise SessionClosed("this session was logged out; renew() opens another")
                if self._refused is not None:
                    raise LoginRefused(*self._refused.args)
                now = self._opened
                if now is not None and (dead is None or now.generation != dead.generation):
                    return now
                flight, first = self._flight, self._flight is None
                if flight is None:
                    flight = self._flight = Flight()
            if first:
                return self._fly(flight, now)
            landed = flight.wait()
            if landed is not None:
                return landed

    def is_over(self, opened: Opened, url: str) -> bool:
        """Whether to open another session after a request to `url` found this one dead.

        Where another one was of no use before, the server is asked of the session itself first: an
        address that refuses everybody must not cost a login each time.
        """
        if _place_of(url) not in self._in_vain:
            return True
        try:
            return not self._lives(opened)
        except SessionError:
            return False

    def was_in_vain(self, url: str) -> None:
        """A request to `url` found the session dead that had been opened for it."""
        with self._lock:
            if len(self._in_vain) < _MOST_PLACES:
                self._in_vain.add(_place_of(url))

    def carry(self, opened: Opened) -> dict[str, str]:
        """The headers that carry this session."""
        return self._form(opened).carry(opened)

    def is_dead(self, status: int, content_type: str, body: bytes) -> bool:
        """Whether such an answer says that the session that was sent is over."""
        from .faults import is_dead

        return is_dead(status, content_type, body)

    def owns(self, url: str) -> bool:
        """Whether this address is at the session's server, so that the token may go there."""
        from .addresses import same_server

        return same_server(url, self._base)

    def check_host(self, url: str) -> None:
        """Raises WrongHost where it is not."""
        if not self.owns(url):
            raise WrongHost(f"this session is of {self._base}, and its token is sent nowhere else")

    def keep_alive(self) -> bool:
        """Use the session, so that it does not go idle: True where it lives. Opens none.

        Raises SessionError where the server could not be asked.
        """
        opened = self._opened
        return opened is not None and self._lives(opened)

    def ssl_context(self) -> ssl.SSLContext:
        """A context that believes whom the session believes: for `verify=` of httpx and others."""
        from .trust import context

        return context(self._ca, self._fingerprint)

    def logout(
        self, *, strict: bool = False, tries: int = 1, timeout: Optional[float] = None
    ) -> bool:
        """End the session: it is used no more. True where none is left open at the server.

        Raises nothing, unless `strict`: then SessionError where the server could not be told. What
        is called once more does nothing. `tries` are made half a second apart, each of which may
        take `timeout` seconds where that is given.
        """
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, None
        endings.forget(self)
        if opened is None:
            return True
        problem = self._end(opened, timeout)
        for _ in range(tries - 1):
            if problem is None:
                break
            self.wait(0.5)
            problem = self._end(opened, timeout)
        if problem is not None and strict:
            raise problem
        return problem is None

    # Its own affairs

    def _lives(self, opened: Opened) -> bool:
        answer = self._send(self._form(opened).keep_alive(opened))
        return not self.is_dead(answer.status, answer.header("content-type"), answer.body)

    def _is_old(self, opened: Opened) -> bool:
        return opened.expires_at is not None and self._clock() >= opened.expires_at - _EARLY

    def _form(self, opened: Opened) -> Dialect:
        return self._forms_now()[opened.dialect]

    def _forms_now(self) -> Sequence[Dialect]:
        if self._forms is None:
            self._forms = self._dialects()
        return self._forms

    def _fly(self, flight: Flight[Opened], before: Optional[Opened]) -> Opened:
        """Open a session in place of `before`, and tell all who wait for it."""
        try:
            with endings.logging_in():
                refreshed = self._refreshed(before)
                opened = refreshed or self._logged_in()
                self._take(opened)
        except SessionError as error:
            self._land(flight, error)
            flight.failed(error)
            if before is not None and isinstance(error, LoginRefused):
                self._end(before)
            raise
        except BaseException as error:  # Ctrl-C too: others wait for this login
            self._land(flight, error)
            flight.abandoned()
            raise
        flight.done(opened)
        if before is not None and refreshed is None:
            # One that was taken for dead wrongly would stay.
            self._end(before)
        return opened

    def _take(self, opened: Opened) -> None:
        with self._lock:
            self._flight = None
            closed = self._closed
            if not closed:
                self._opened = opened
                endings.remember(self)
        if closed:
            self._end(opened)
            raise SessionClosed("this session was logged out while it was being opened")

    def _land(self, flight: Flight[Opened], error: BaseException) -> None:
        with self._lock:
            if self._flight is flight:  # and not that of a renew() meanwhile
                self._flight = None
            if isinstance(error, LoginRefused):
                self._refused, self._opened = error, None

    def _logged_in(self) -> Opened:
        forms = self._forms_now()
        password = self._password()
        for number, form in enumerate(forms):
            answer = self._send(form.login(self._user, password))
            if answer.status != 404 or number == len(forms) - 1:
                return self._numbered(form.opened(answer, self._clock()), number)
        raise AssertionError("a session has a dialect")

    def _refreshed(self, before: Optional[Opened]) -> Optional[Opened]:
        """The same session under another token; None where it has to be another session."""
        if before is None:
            return None
        form = self._form(before)
        ask = form.refresh(before)
        if ask is None:
            return None
        answer = self._send(ask)
        if answer.status != 200:
            return None
        opened = form.opened(answer, self._clock())
        return self._numbered(opened, before.dialect)

    def _numbered(self, opened: Opened, dialect: int) -> Opened:
        self._generation += 1
        return opened._replace(generation=self._generation, dialect=dialect, pid=os.getpid())

    def _end(self, opened: Opened, timeout: Optional[float] = None) -> Optional[SessionError]:
        """Log out of this one at the server; what stood in the way, if anything did."""
        if opened.pid != os.getpid():
            return None
        form = self._form(opened)
        try:
            answer = self._send(
                form.logout(opened), sum(self._limits) if timeout is None else timeout
            )
        except SessionError as problem:
            return problem
        if form.is_logged_out(answer):
            return None
        return SessionError(f"{self._base} answered the logout with {answer.status}")

    def _send(self, ask: Ask, within: float = math.inf) -> Answer:
        """The answer to this. A 503 that says when to come again is heeded. Raises SessionError.

        All of it takes `within` seconds at most.
        """
        from .transport import send

        ends = time.monotonic() + within
        if self._context is None and self._base.startswith("https:"):
            self._context = self._trusted()
        for repeats in range(MOST_REPEATS, -1, -1):
            share = min(1.0, (ends - time.monotonic()) / sum(self._limits))
            connect, read = (max(limit * share, _SHORTEST) for limit in self._limits)
            answer = send(self._base, ask, self._context, connect, read)
            if answer.status != 503:
                return answer
            after = seconds_of(answer.header("retry-after"))
            if after is None or after > min(LONGEST_WAIT, ends - time.monotonic()) or not repeats:
                raise Busy(f"{self._base} takes no more just now (503)", after)
            self.wait(after)
        raise AssertionError("the last round returns or raises")

    def _trusted(self) -> ssl.SSLContext:
        try:
            return self.ssl_context()
        except OSError as problem:
            why = problem.strerror or "it holds no certificate"
            raise SessionError(f"ca: {self._ca} cannot be used: {why}") from None


def _place_of(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]
