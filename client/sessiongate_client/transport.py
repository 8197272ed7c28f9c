"""One request of the library's own: a connection of its own, time limits, no redirect followed.

Connecting to an address may take `connect` seconds, each wait for the server `read`, and all of it
the sum of both: head, interim replies and body, however small the pieces are in which they come.
So no server keeps a login, a logout or the end of a program waiting.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import Any, Optional
from urllib.parse import urlsplit

from .errors import NotTrusted, UnexpectedAnswer, Unreachable
from .wire import LARGEST_BODY, Answer, Ask

_UNKNOWN_CA = frozenset({18, 19, 20, 21})
"""OpenSSL's codes (x509_vfy.h) for certificates of a CA that is not known here."""

_WAY_OUT = (
    "; give the file of its CA (ca, at a command --ca), or the certificate's own SHA-256"
    " (fingerprint, --fingerprint)"
)


def send(
    url: str, ask: Ask, context: Optional[ssl.SSLContext], connect: float, read: float
) -> Answer:
    """The server's answer. Raises Unreachable, NotTrusted or UnexpectedAnswer."""
    where = urlsplit(url)
    host = where.hostname or ""
    port = where.port
    connection: http.client.HTTPConnection
    if where.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=connect, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=connect)
    try:
        return _exchange(connection, ask, read, connect + read)
    except ssl.SSLCertVerificationError as problem:
        why = problem.verify_message if hasattr(problem, "verify_message") else problem.args[-1]
        way_out = _WAY_OUT if getattr(problem, "verify_code", 0) in _UNKNOWN_CA else ""
        raise NotTrusted(f"{url}: its certificate is not trusted: {why}{way_out}") from None
    except OSError as problem:
        why = problem.strerror or (str(problem) if "timed out" in str(problem) else "")
        raise Unreachable(f"{url} does not answer: {why or type(problem).__name__}") from None
    except http.client.HTTPException as problem:
        # Its text may hold what was received.
        raise UnexpectedAnswer(f"{url} does not speak HTTP: {type(problem).__name__}") from None
    finally:
        connection.close()


def _exchange(connection: http.client.HTTPConnection, ask: Ask, read: float, all_: float) -> Answer:
    ends = time.monotonic() + all_
    connection.connect()
    line = _Limited(connection.sock, read, ends)
    line.limit()
    headers = {"User-Agent": "sessiongate-client", "Accept": "*/*", **ask.headers}
    if ask.verb in ("POST", "PUT"):
        headers["Content-Length"] = str(len(ask.body))
    connection.request(ask.verb, ask.path, ask.body or None, headers)
    with http.client.HTTPResponse(connection.sock, method=ask.verb) as answer:
        answer.fp.close()
        answer.fp = io.BufferedReader(line)
        answer.begin()
        body = _body(answer)
        said = [(name.lower(), value) for name, value in answer.getheaders()]
        return Answer(answer.status, said, body)


def _body(answer: http.client.HTTPResponse) -> bytes:
    pieces = []
    left = LARGEST_BODY
    while left > 0:
        piece = answer.read1(min(left, 65536))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


class _Limited(io.RawIOBase):
    """What comes from a socket: `read` seconds for each wait, and none after `ends`, monotonic."""

    def __init__(self, line: socket.socket, read: float, ends: float) -> None:
        self._line, self._read, self._ends = line, read, ends

    def limit(self) -> None:
        """Have the next wait end in time. Raises TimeoutError where that is over."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out: the answer comes too slowly")
        self._line.settimeout(min(self._read, left))

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        self.limit()
        return self._line.recv_into(into)
