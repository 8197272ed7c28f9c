"""Which password of an account goes first, and which are not tried: for all its logins there.

The account is locked after a few failures, by whichever form of login they came.
"""

import asyncio
from collections.abc import Callable, Iterable

from sessiongate.secret import Secret

REFUSED = 15 * 60.0
"""Seconds after which a refused password is tried once more."""


class FormAttempts:
    """What has come of the passwords at one form of login. All of them are digests here."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.taken = b""
        """The one that was taken last."""
        self._until: dict[bytes, float] = {}
        """Those that were refused, and until when they are not tried."""

    @property
    def has_refused(self) -> bool:
        """Whether there was a refusal since all of them were forgotten."""
        return bool(self._until)

    def left(self, digest: bytes) -> float:
        """For how many seconds it is not to be tried."""
        return max(0.0, self._until.get(digest, 0.0) - self._now())

    def refuse(self, digest: bytes, lasting: float = REFUSED) -> None:
        """It was refused."""
        self._until[digest] = self._now() + lasting

    def forget(self) -> None:
        """All of them may be tried again."""
        self._until.clear()


class LoginAttempts:
    """What has come of the passwords of one account, at SOAP and at the Automation API."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.soap, self.rest = FormAttempts(now), FormAttempts(now)
        self.lock = asyncio.Lock()
        """Held by whoever logs in: what one has had refused, the next one does not try."""

    def take(self, form: FormAttempts, digest: bytes) -> None:
        """It was taken by this form.

        What the other form took before and this one has refused is old there too.
        """
        form.taken = digest
        other = self._other(form)
        if form.left(other.taken):
            other.taken = digest

    def in_order(self, form: FormAttempts, passwords: Iterable[Secret]) -> list[Secret]:
        """What this form took last goes first, then what the other one took."""
        first = (form.taken, self._other(form).taken)
        return sorted(passwords, key=lambda one: [one.digest() != taken for taken in first])

    def _other(self, form: FormAttempts) -> FormAttempts:
        return self.rest if form is self.soap else self.soap
