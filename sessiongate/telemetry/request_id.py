"""The id of the request being answered, for log lines and for the client that brought one.

Kept beside the request rather than handed through every call: only log lines want it. A client's
own id is taken where it is short and harmless; else one is made, and only once a line is written.
"""

import re
import secrets
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

# Enough for a UUID with a prefix, or vSphere's opIDs, which join several by dashes.
_FIT = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")


class RequestId:
    """The id of one request."""

    __slots__ = ("_text",)

    def __init__(self, brought: str | None = None) -> None:
        self._text = brought if brought is not None and _FIT.fullmatch(brought) else ""

    def adopt(self, brought: str) -> None:
        """Take the client's id, where there is none yet."""
        if not self._text and _FIT.fullmatch(brought):
            self._text = brought

    @property
    def brought(self) -> str:
        """The id that the client brought, "" if it brought none that we take."""
        return self._text

    def __str__(self) -> str:
        if not self._text:
            self._text = secrets.token_hex(8)
        return self._text


current: ContextVar[RequestId | None] = ContextVar("sessiongate_request_id", default=None)
"""The request that this task answers."""


def adopt(brought: str) -> str:
    """Take an id that the client brought inside the body, unless it brought one before.

    Returns the id to give back with the reply: the client's, or ours where that one is not taken;
    "" where one that came in a header is given back anyway.
    """
    request = current.get()
    if request is None or request.brought:
        return ""
    request.adopt(brought)
    return str(request)


def add_to_line(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Put the id into a log line, where a request is being answered."""
    request = current.get()
    if request is not None:
        line["request_id"] = str(request)
    return line
