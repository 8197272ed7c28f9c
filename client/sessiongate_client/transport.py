"""One request of the library's own: a connection of its own, time limits, no redirect followed.

Connecting may take `connect` seconds, each wait for the server `read`, and all of it the sum of
both. So nothing here keeps Ctrl-C or the end of a program waiting.
"""

from __future__ import annotations

import http.client
import ssl
import time
from typing import Optional
from urllib.parse import urlsplit

from .errors import NotTrusted, UnexpectedAnswer, Unreachable
from .wire import LARGEST_BODY, Answer, Ask


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
        raise NotTrusted(f"{url}: its certificate is not trusted: {why}") from None
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
    connection.sock.settimeout(read)
    headers = {"User-Agent": "sessiongate-client", "Accept": "*/*", **ask.headers}
    if ask.verb in ("POST", "PUT"):
        headers["Content-Length"] = str(len(ask.body))
    connection.request(ask.verb, ask.path, ask.body or None, headers)
    answer = connection.getresponse()
    pieces = []
    left = LARGEST_BODY
    while left > 0:
        piece = answer.read1(min(left, 65536))
        if not piece:
            break
        if time.monotonic() > ends:
            raise TimeoutError("timed out: the answer comes too slowly")
        pieces.append(piece)
        left -= len(piece)
    said = [(name.lower(), value) for name, value in answer.getheaders()]
    return Answer(answer.status, said, b"".join(pieces))
