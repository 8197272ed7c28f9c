"""What goes wrong with a session, and whether to try again: a class for each answer to that."""

from __future__ import annotations

from typing import Optional


class SessionError(Exception):
    """Any of these. No message holds a password or a token."""


class LoginRefused(SessionError):
    """The server has said no to this name and password, and is not asked again until `renew()`.

    Asking once more with the same password is what locks accounts. `fault` is what the server
    calls it: InvalidLogin, NoPermission, PasswordExpired, InvalidLocale, invalid_grant.
    """

    def __init__(self, message: str, fault: str = "InvalidLogin") -> None:
        super().__init__(message, fault)
        self.fault = fault

    def __str__(self) -> str:
        """The sentence alone."""
        return str(self.args[0])


class Busy(SessionError):
    """The server takes no further login or request now (503). Nothing was done.

    `retry_after` is the number of seconds that it asks for, where it does.
    """

    def __init__(self, message: str, retry_after: Optional[float] = None) -> None:
        super().__init__(message, retry_after)
        self.retry_after = retry_after

    def __str__(self) -> str:
        """The sentence alone."""
        return str(self.args[0])


class Unreachable(SessionError):
    """No answer came: the network, a time limit, or nobody is there."""


class NotTrusted(SessionError):
    """The server's certificate is not the one that `ca` or `fingerprint` asks for."""


class UnexpectedAnswer(SessionError):
    """The server answered something that is neither yes nor no."""


class SessionClosed(SessionError):
    """The session was logged out on purpose. `renew()` opens another one."""


class WrongHost(SessionError):
    """A request to another server than the session's: the token is not sent there."""
