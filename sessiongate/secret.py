"""A secret is a type: it does not print, pickle or compare by accident."""

import hmac
from hashlib import sha256
from typing import NoReturn


class Secret:
    """A string that will not show itself. Ask `reveal()`, only at the edge that needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def digest(self) -> bytes:
        """SHA-256 of the text: what stores know a token by. A leaked store yields no token."""
        return sha256(self._text.encode("utf-8", "surrogatepass")).digest()

    def same_as(self, other: "Secret") -> bool:
        """Compare in a time that does not depend on where the two differ."""
        return hmac.compare_digest(self.digest(), other.digest())

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("compare secrets with same_as()")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not for storing")

    __hash__ = None  # type: ignore[assignment]


def secret_text(raw: bytes) -> str:
    """What a file or line that holds a secret alone says: not the mark that some editors begin text
    with, nor the line ends that it ends with. Raises UnicodeDecodeError.
    """
    return raw.decode("utf-8-sig").rstrip("\r\n")
