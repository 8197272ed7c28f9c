"""Requests that clients send over and over: what they say, by their bytes, so that it is read once.

Consoles and keep-alives ask the same question every few seconds, and their sessions travel in a
cookie, so the bytes are those of the last time and of all who ask the same. Reading them is half
of what such a call costs. Kept is only what a live session has asked and what was answered, and
never a request with a secret in it. What is kept says what was asked, not what was answered.
"""

from collections.abc import Mapping
from typing import Any

from sessiongate.dialects.vim.calls import Asked
from sessiongate.secret import Secret
from sessiongate.wire.vim.methods import Call
from sessiongate.wire.vim.soap import Message

# Requests kept, and the longest of them in bytes; real ones have 400 to 900. A document of this
# size holds at most 250 elements, so that all together never take more than 10 MB.
MOST = 128
LONGEST = 1024


class Polls:
    """Requests lately answered. The oldest leave first."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Call, Mapping[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, body: bytes) -> tuple[Asked, Call] | None:
        """What a request of these bytes asks, for a caller yet to be found; None if not kept."""
        known = self._known.get(body) if len(body) <= LONGEST else None
        if known is None:
            return None
        call, arguments = known
        return Asked(call.target, call, arguments), call

    def keep(self, body: bytes, message: Message, asked: Asked) -> None:
        """Keep a request that was answered, if it may be kept and might come again."""
        if asked.caller is None or asked.call is None or len(body) > LONGEST:
            return
        if message.carriers or message.asserted or message.operation_id:
            return  # an operation's id is new each time
        if any(isinstance(value, Secret) for value in asked.arguments.values()):
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[body] = asked.call, asked.arguments
