"""A session at one server, shared by all threads and tasks of a program: what callers use.

How it logs in, once for all, and when it does so anew is in `core`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Optional, TypeVar, Union

from . import endings
from .core import Core
from .wire import Opened

if TYPE_CHECKING:
    from .httpx import SessionAuth as HttpxAuth
    from .requests import SessionAuth as RequestsAuth

S = TypeVar("S", bound="Session")


class Session(Core):
    """What the sessions of all dialects have in common; use one of its subclasses.

    `password` is a text, or a function that is called for each login and returns one. `ca` is the
    path of a PEM file, `fingerprint` the SHA-256 of the server's certificate; with neither the
    system's CAs are believed. `clock` and `wait` are for tests.
    """

    def url(self, path: str = "") -> str:
        """The address of a path at this server."""
        return self._base + ("" if path.startswith("/") or not path else "/") + path

    @property
    def header(self) -> dict[str, str]:
        """The header that carries the session, for a client that takes headers. Logs in."""
        return self.carry(self.current())

    @property
    def token(self) -> str:
        """The secret itself. Logs in."""
        return self.current().token

    @property
    def key(self) -> str:
        """The session's public name, for lists and logs; "" where none is told. Logs in."""
        return self.current().key

    @property
    def expires_at(self) -> Optional[float]:
        """When the access token ends, in seconds since the epoch; None where that is not told."""
        return self.current().expires_at

    @property
    def ca(self) -> Union[str, bool]:
        """What `verify=` of requests wants: the path of the CA, or True for the system's."""
        return self._ca if self._ca is not None else True

    @property
    def fingerprint(self) -> Optional[str]:
        """The SHA-256 that the server's certificate must have, where one was given."""
        return self._fingerprint

    @property
    def auth(self) -> RequestsAuth:
        """For `auth=` of requests."""
        from .requests import SessionAuth

        return SessionAuth(self)

    @property
    def httpx_auth(self) -> HttpxAuth:
        """For `auth=` of httpx, of a Client and of an AsyncClient."""
        from .httpx import SessionAuth

        return SessionAuth(self)

    def renew(self) -> None:
        """Log in anew, also after a refusal or a logout, and log out of the session of before."""
        with self._lock:
            before, self._opened = self._opened, None
            self._refused, self._closed = None, False
        try:
            self.current()
        finally:
            if before is not None:
                self._end(before)

    def __enter__(self: S) -> S:
        """The session; it logs in when it is first used."""
        return self

    def __exit__(self, *_: object) -> None:
        """Log out."""
        self.logout()

    def __repr__(self) -> str:
        """Who is where. Neither password nor token."""
        is_open = "open" if self._opened is not None else "not open"
        return f"{type(self).__name__}({self._base!r}, {self._user!r}, {is_open})"

    def __reduce__(self) -> NoReturn:
        """A session is one process's: another would end it unknowingly."""
        raise TypeError("a session is not for storing")

    def hand_over(self) -> dict[str, Any]:
        """What another process needs to `adopt` the session, the token among it. Logs in.

        It is values of JSON. The end of this program does not end the session any more: that is for
        whoever adopts it. `logout` does.
        """
        told = self.current()._asdict()
        endings.forget(self)
        del told["generation"], told["pid"]
        return told

    def adopt(self, told: Mapping[str, Any]) -> dict[str, str]:
        """Go on with a session that was handed over, and say the header that carries it.

        The end of the program does not end it.

        Raises ValueError where `told` is none that was handed over.
        """
        try:
            opened = Opened(**told)
        except TypeError:
            raise ValueError("this is no session that was handed over") from None
        with self._lock:
            self._opened = self._numbered(opened, opened.dialect)
            return self.carry(self._opened)
