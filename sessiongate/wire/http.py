"""A request to a server upstream, and its answer, as plain values."""

import msgspec

Headers = tuple[tuple[str, str], ...]


class Ask(msgspec.Struct, frozen=True):
    """A request, ready to be sent. Holds a password or a token, and does not show it."""

    path: str
    """With its query, as it stands in the request line."""
    headers: Headers
    body: bytes
    method: str = "POST"

    def __repr__(self) -> str:
        return f"Ask({self.path!r})"


class Answer(msgspec.Struct, frozen=True):
    """What came back. May hold a token, and does not show it. Header names are lower case."""

    status: int
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    def all(self, name: str) -> list[str]:
        """The values of every header of this name."""
        return [value for key, value in self.headers if key == name]
