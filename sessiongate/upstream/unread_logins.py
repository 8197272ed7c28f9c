"""What is left of a login whose answer cannot be used: its session, which nobody will have.

It is logged out at once where the answer shows by what; else each further try would leave one more,
until the upstream's clock ends them.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sessiongate.errors import UpstreamUnavailable
from sessiongate.wire.http import Answer, Ask

WITHIN = 3.0
"""Seconds. Whoever waits for the login waits for this, too."""

_ENDED = frozenset({200, 204})

_log = structlog.get_logger(__name__)


async def end_unread(
    upstream: str, end: Ask | None, send: Callable[[Ask], Awaitable[Answer]]
) -> None:
    """Send what ends the session, if anything does. Raises nothing: the log has the outcome."""
    if end is None:
        return
    status = 0
    try:
        async with asyncio.timeout(WITHIN):
            status = (await send(end)).status
    except (UpstreamUnavailable, TimeoutError):
        pass
    became = "logged out" if status in _ENDED else "perhaps left there"
    _log.warning(
        "the answer to a login at an upstream cannot be used", upstream=upstream, session=became
    )
