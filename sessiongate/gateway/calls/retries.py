"""Sends a call once, and once more where that is sound: what all relays have in common.

A session that is over refuses at the door: nothing has been done, and another one is tried. One
that lives has refused somewhere inside, and only what has no effect is asked again.
"""

from collections.abc import Awaitable, Callable

from sessiongate.errors import OutcomeUnknown
from sessiongate.gateway.calls.call import CallUnderWay, LeaseRefused
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.rules.relay import may_be_repeated
from sessiongate.wire.http import Answer

SendOnce = Callable[[], Awaitable[Answer]]
"""Takes a lease and sends a call. Raises LeaseRefused where its session is not let in."""


async def retry_once(
    failed: LeaseRefused | OutcomeUnknown,
    once: SendOnce,
    client: GatewayClient,
    call: CallUnderWay,
    may_follow: Callable[[LeaseRefused], Awaitable[bool]],
) -> Answer:
    """What the upstream answers in the end to a call that has failed like this the first time.

    `may_follow` says of a refusal whether another lease may be tried after it. A call of which
    nobody knows what became is sent again where it has no effect. Raises what sending it does.
    """
    if isinstance(failed, LeaseRefused):
        if not await may_follow(failed):
            return failed.outcome()
    elif not may_retry(call):
        raise failed
    client.require_alive()
    try:
        return await once()
    except LeaseRefused as refused:
        return refused.outcome()


def may_retry(call: CallUnderWay) -> bool:
    """Whether it may be sent twice, whatever became of it the first time."""
    return may_be_repeated(call.method, call.verdict)
