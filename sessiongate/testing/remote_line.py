"""How a test steers a server in another process: by its control socket, or by HTTP with a token."""

import http.client
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

_PATIENCE = 30.0
_TOKEN_HEADER = "X-Sessiongate-Dev"


class NotPossible(RuntimeError):
    """A server in another process cannot do this for a test, or not by the way it is asked."""


class RemoteLine:
    """The way to one server. Answers are JSON."""

    def __init__(self, control: Path | None, operations: str, token: str, ca: Path | None) -> None:
        """`control` is the control socket, where there is one."""
        self._socket = control
        self._operations, self._token, self._ca = operations, token, ca

    @property
    def is_local(self) -> bool:
        """Whether there is a control socket, which knows sessions too."""
        return self._socket is not None and self._socket.exists()

    @property
    def is_known(self) -> bool:
        """Whether there is any way."""
        return self.is_local or bool(self._operations and self._token)

    def ask(self, verb: str, path: str, told: object = None) -> Any:  # noqa: ANN401 - JSON
        """The answer. Raises ValueError with the reason where it is no, NotPossible without a way,
        OSError where nobody answers.

        By HTTP only what is at `/dev/` can be asked.
        """
        if not self.is_local and not path.startswith("/dev/"):
            raise NotPossible(
                "sessions and lockouts are asked by the control socket, which is in the server's"
                " data directory: set SESSIONGATE_DATA_DIR, or use --sessiongate=subprocess"
            )
        if not self.is_known:
            raise NotPossible(
                "the server cannot be steered: give its ready file, or set SESSIONGATE_OPERATIONS"
                " and SESSIONGATE_DEV_TOKEN"
            )
        connection = self._connection()
        try:
            body = None if told is None else msgspec.json.encode(told)
            connection.request(verb, path, body, {} if self.is_local else self._headers())
            reply = connection.getresponse()
            answer = _decoded(reply.read(), f"{verb} {path}: status {reply.status}")
        finally:
            connection.close()
        if reply.status not in (200, 201):
            raise ValueError(f"{verb} {path}: {answer.get('error', reply.status)}")
        return answer

    def _headers(self) -> dict[str, str]:
        return {_TOKEN_HEADER: self._token}

    def _connection(self) -> http.client.HTTPConnection:
        if self.is_local:
            return _OverSocket(str(self._socket))
        where = urlsplit(self._operations)
        if where.scheme == "http":
            return http.client.HTTPConnection(where.netloc, timeout=_PATIENCE)
        trust = ssl.create_default_context(cafile=str(self._ca) if self._ca is not None else None)
        return http.client.HTTPSConnection(where.netloc, timeout=_PATIENCE, context=trust)


def _decoded(body: bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise ValueError(f"{what}, and no JSON: what answers is no `sessiongate dev`") from None


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
