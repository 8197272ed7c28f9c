"""How much a caller may send before it is known who it is: judged by the head and the first bytes.

No socket and no clock. A stranger's body is small, except at the paths where people log in with
large documents; whose it is, is found out only when that decides.
"""

from enum import Enum
from typing import Protocol

import structlog

from sessiongate.errors import Unavailable
from sessiongate.http.connection.causes import UNDECIDED
from sessiongate.http.framing import Head
from sessiongate.http.limits import HttpLimits
from sessiongate.http.message import Request
from sessiongate.http.request_buffer import RequestBuffer
from sessiongate.telemetry.tracebacks import traced


class Callers(Protocol):
    """Who can say, of a request that is still on its way, whether its caller is known."""

    async def known(self, request: Request) -> bool:
        """Whether this head (the body is empty) names a live session. Raises Unavailable."""
        ...

    def may_be_excused(self, path: str) -> bool:
        """Whether at this path a stranger's large body may be in order."""
        ...

    def excused(self, begun: bytes | bytearray) -> bool:
        """Whether a body that begins like this may be large, whoever sends it."""
        ...


class Verdict(Enum):
    """Of a body that is on its way."""

    FITS = "it may be as large as anybody's"
    WAIT = "its beginning is still to come"
    ASK = "that depends on whose it is"
    TOO_LARGE = "nobody may send so much"


def allowed_unasked(limits: HttpLimits, callers: Callers | None) -> int:
    """How large a body may be while nobody has been asked whose it is."""
    return limits.body if callers is None else min(limits.body, limits.anonymous_body)


def judge_declared(head: Head, limits: HttpLimits, callers: Callers | None) -> Verdict:
    """Whether a body may come that is as large as its head says."""
    length = head.length or 0
    if length > limits.body:
        return Verdict.TOO_LARGE
    if callers is None or length <= allowed_unasked(limits, callers):
        return Verdict.FITS
    return Verdict.WAIT if callers.may_be_excused(head.path) else Verdict.ASK


def judge_begun(
    head: Head, buffer: RequestBuffer, limits: HttpLimits, callers: Callers | None
) -> Verdict:
    """Whether a body may go on of which as much has come as was allowed, or is announced."""
    if buffer.allowed >= limits.body:
        return Verdict.TOO_LARGE
    if callers is None:
        return Verdict.FITS
    if callers.may_be_excused(head.path):
        begun = buffer.begun
        if callers.excused(begun):
            return Verdict.FITS
        if len(begun) < buffer.allowed:
            return Verdict.WAIT
    return Verdict.ASK


async def why_refused(callers: Callers, request: Request, cause: str) -> str | None:
    """None where the caller is known, else why its request is refused: this, or no answer."""
    try:
        return None if await callers.known(request) else cause
    except Unavailable:
        return UNDECIDED
    except Exception as error:  # noqa: BLE001  the server's last net
        structlog.get_logger().error("caller not recognised", **traced(error))
        return UNDECIDED
