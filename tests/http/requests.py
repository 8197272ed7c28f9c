"""Requests as the listener hands them to a handler."""

from sessiongate.http.message import Reply, Request


def request(
    method: str, path: str, body: bytes = b"", peer: str = "192.0.2.7", **headers: str
) -> Request:
    """A request; header names are written with underscores."""
    target, _, query = path.partition("?")
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(method, target, query, named, body, peer, secure=True)


def header(reply: Reply, name: str) -> str | None:
    """The one value of a header of a reply, or None."""
    values = [value for key, value in reply.headers if key.lower() == name]
    assert len(values) < 2
    return values[0] if values else None
