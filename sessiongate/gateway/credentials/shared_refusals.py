"""Passwords of an account that the upstream has refused to any process.

The account is locked after a few failures, whichever process has had them.
"""

from collections.abc import Callable

from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.store.gateway_port import UpstreamNotes

_TOPIC = "refused "


class SharedRefusals:
    """Of one upstream. `seconds` is the time, the same for all processes."""

    def __init__(self, notes: UpstreamNotes, key: LeaseKey, seconds: Callable[[], float]) -> None:
        self._notes = notes
        self._key = key
        self._seconds = seconds

    async def left(self, digest: bytes) -> float:
        """For how many seconds the password of this digest is not to be tried."""
        told = (await self._notes.all()).get(self._topic(digest), "0")
        return max(0.0, float(told) - self._seconds())

    async def refused(self, digest: bytes, lasting: float) -> None:
        """It was refused, and is not to be tried for so many seconds."""
        await self._notes.put(self._topic(digest), repr(self._seconds() + lasting))

    async def forget(self) -> None:
        """All of them may be tried again."""
        for topic in await self._notes.all():
            if topic.startswith(_TOPIC):
                await self._notes.put(topic, "0")

    def _topic(self, digest: bytes) -> str:
        return _TOPIC + self._key.mark(digest)
