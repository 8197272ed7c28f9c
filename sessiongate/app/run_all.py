"""Running several steps one after the other, each whatever becomes of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from sessiongate.telemetry.tracebacks import traced

Step = Callable[[], Awaitable[object]]

_log = structlog.get_logger("sessiongate")


async def each_of(steps: Iterable[Step]) -> BaseException | None:
    """Take every step, log what fails, and return the first error."""
    first: BaseException | None = None
    for step in steps:
        (result,) = await asyncio.gather(_run(step), return_exceptions=True)
        if isinstance(result, BaseException):
            _log.error("stopping goes on without a step that failed", **traced(result))
            first = first or result
    return first


async def _run(step: Step) -> None:
    await step()
