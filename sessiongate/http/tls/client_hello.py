"""A ClientHello on its way: held until it is whole.

OpenSSL makes room at once for as much as the first bytes of a ClientHello declare, up to 128 KiB:
100 bytes were measured to cost 154 KB. Held here, it costs what has come of it. Its form: RFC 8446,
4 and 5.1.
"""

_HANDSHAKE = 22
_CHANGE_CIPHER_SPEC = 20
_CLIENT_HELLO = 1

# The server random of a HelloRetryRequest (RFC 8446, 4.1.3): a second ClientHello is to come.
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class ClientHello:
    """Records up to the one that a ClientHello ends in. Whoever feeds it bounds how many bytes."""

    __slots__ = ("_begun", "_had", "_held", "_record")

    def __init__(self) -> None:
        self._held = bytearray()
        self._record = 0
        """Where the next record begins."""
        self._begun = b""
        """The message's header, as far as it has come: its type and three bytes of length."""
        self._had = 0
        """Bytes of the message, its header included."""

    def take(self, data: memoryview) -> tuple[bytes, bytes] | None:
        """The records of the message and what came after, or None while more must come.

        What is no ClientHello is whole at once, for OpenSSL to say what is wrong with it.
        """
        held = self._held
        held += data
        while self._record < len(held):
            at = self._record
            if held[at] not in (_HANDSHAKE, _CHANGE_CIPHER_SPEC):
                return bytes(held), b""
            start = at + 5
            end = start + int.from_bytes(held[at + 3 : start], "big")
            if len(held) < start or len(held) < end:
                return None
            self._record = end
            if held[at] == _HANDSHAKE and self._ends(held[start:end]):
                return bytes(held[:end]), bytes(held[end:])
        return None

    def _ends(self, fragment: bytearray) -> bool:
        self._had += len(fragment)
        self._begun += bytes(fragment[: 4 - len(self._begun)])
        if self._begun and self._begun[0] != _CLIENT_HELLO:
            return True
        length = int.from_bytes(self._begun[1:], "big")
        return len(self._begun) == 4 and self._had >= 4 + length
