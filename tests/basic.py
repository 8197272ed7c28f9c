"""What a client with a name and a password sends."""

from base64 import b64encode


def basic(user: str, password: str, encoding: str = "utf-8") -> str:
    """The value of an Authorization header."""
    return "Basic " + b64encode(f"{user}:{password}".encode(encoding)).decode()
