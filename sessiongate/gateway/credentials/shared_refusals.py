"""Passwords of an account that the upstream has refused, to whichever process and table.

The account is locked after a few failures, whoever has had them: another table with the same
account, another process, or this one before its restart. So they are kept in the store.
"""

from collections.abc import Callable

from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.store.gateway_port import UpstreamNotes

SOAP, REST = "soap", "rest"
"""The forms of login at which passwords are refused."""

_TOPIC = "refused "


def notes_of_account(key: LeaseKey, server: str, username: str) -> str:
    """What the notes about an account are called, among those of upstreams by their names.

    `server` is scheme, host and port in one spelling.
    """
    return f"account/{key.keyed_digest(f'{server} {username}'.encode('utf-8', 'surrogatepass'))}"


class SharedRefusals:
    """Of one account. `seconds` is the time, the same for all processes and over restarts."""

    def __init__(self, notes: UpstreamNotes, key: LeaseKey, seconds: Callable[[], float]) -> None:
        self._notes = notes
        self._key = key
        self._seconds = seconds

    async def left(self, form: str, digest: bytes, most: float) -> float:
        """For how many seconds the password of this digest is not to be tried at this form.

        `most` is how long that can be: a clock that was set back makes it no longer.
        """
        told = (await self._notes.all()).get(self._topic(form, digest), "0")
        return min(most, max(0.0, float(told) - self._seconds()))

    async def refused(self, form: str, digest: bytes, lasting: float) -> None:
        """It was refused, and is not to be tried for so many seconds."""
        await self._notes.put(self._topic(form, digest), repr(self._seconds() + lasting))

    async def forget(self) -> None:
        """All of them may be tried again."""
        for topic, told in (await self._notes.all()).items():
            if topic.startswith(_TOPIC) and told != "0":
                await self._notes.put(topic, "0")

    def _topic(self, form: str, digest: bytes) -> str:
        return f"{_TOPIC}{form} {self._key.keyed_digest(digest)}"
