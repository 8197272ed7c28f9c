"""Long polls: calls whose answer may take as long as the client likes, and which end with it."""

import asyncio
from collections.abc import Callable, Coroutine

from sessiongate.errors import UpstreamUnavailable, WaitCancelled
from sessiongate.gateway.background import BackgroundTasks
from sessiongate.gateway.calls.call import ForwardedCall
from sessiongate.gateway.calls.clients import Clients, GatewayClient
from sessiongate.gateway.calls.large_replies import StreamedAnswer
from sessiongate.gateway.calls.poll_slots import PollSlots
from sessiongate.gateway.calls.translation import Translation
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.standing import stopping
from sessiongate.wire.http import Answer

_CANCELLING = 2.0
"""Seconds in which an upstream has to end a wait; then it is given up with its connection."""

_ENDING = frozenset({"CancelWaitForUpdates", "DestroyPropertyCollector"})
"""Methods by which a client ends all its waits at a collector."""

WhenGone = Callable[[Callable[[], None]], None]
"""Has a function called once if the client leaves."""


class LongPolls:
    """Those of one upstream."""

    def __init__(
        self,
        slots: PollSlots,
        clients: Clients,
        own: OwnCalls,
        translation: Translation,
        background: BackgroundTasks,
        count_reply: Callable[[GatewayClient, ForwardedCall, StreamedAnswer], None],
    ) -> None:
        """`count_reply` counts an answer that is on its way as its client's."""
        self._slots = slots
        self._clients = clients
        self._own = own
        self._translation = translation
        self._background = background
        self._count_reply = count_reply
        self._stopping = False
        self._wanted: set[ForwardedCall] = set()
        """Waits whose end is wanted, here or by their client."""
        self._hit: set[ForwardedCall] = set()
        """Waits that end with another one at the same collector."""

    def __len__(self) -> int:
        """How many are under way."""
        return self._slots.taken

    async def run(
        self,
        client: GatewayClient,
        call: ForwardedCall,
        send: Callable[[GatewayClient, ForwardedCall], Coroutine[None, None, Answer]],
        when_gone: WhenGone,
    ) -> Answer:
        """The answer to a wait that has begun (`GatewayClient.begin`), and which ends here.

        Raises WaitCancelled where the client has left, and what `send` raises.
        """
        client.polls += 1
        try:
            await self._take_slot(client)
        except BaseException:  # no place, or the client has gone
            self._is_over(client)
            raise
        task = asyncio.create_task(self._send_until_answered(client, call, send), name="wait")
        client.waits[task] = call
        task.add_done_callback(lambda task: self._on_end(client, task))
        gone = asyncio.Event()
        when_gone(gone.set)
        leaving = asyncio.create_task(gone.wait(), name="client gone")
        taken = False
        try:
            await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if taken := task.done():
                return self._outcome(client, task, call)
            raise WaitCancelled("the client has left")
        finally:
            leaving.cancel()
            if not task.done():
                self._give_up(client, task, call)
            elif not taken:
                _drop(task)

    def end_all(self, client: GatewayClient) -> None:
        """End those of a client, whose session is over."""
        for wait, call in list(client.waits.items()):
            self._give_up(client, wait, call)

    def ends_some(self, client: GatewayClient, call: ForwardedCall) -> None:
        """The client itself is about to end its waits at a collector."""
        if call.request.method in _ENDING:
            self._wanted.update(_waits_at_the_collector(client, call))

    def stop(self) -> None:
        """Begin none any more, and end those under way: their clients may come again."""
        self._stopping = True
        for client in self._clients.all():
            self.end_all(client)

    async def _send_until_answered(
        self,
        client: GatewayClient,
        call: ForwardedCall,
        send: Callable[[GatewayClient, ForwardedCall], Coroutine[None, None, Answer]],
    ) -> Answer:
        """The upstream's answer, asked for again where the wait has ended and nobody wanted that.

        Not where it asks for what was left of an earlier answer, which may be lost.
        """
        collector, replies = call.request.target.name, call.form.replies
        whole, once = collector not in client.cut_short, True
        while True:
            answer = await send(client, call)
            if not replies.says_it_was_cancelled(answer):
                self._note_if_cut_short(client, call, answer)
                return answer
            hit = call in self._hit
            self._hit.discard(call)
            wanted = call in self._wanted or client.over or self._stopping
            if wanted or not whole or not (hit or once):
                return answer
            once = once and hit

    def _note_if_cut_short(
        self, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> None:
        """Remember whether it is all that there was, which stands at its end."""
        collector, is_cut_short = call.request.target.name, call.form.replies.is_cut_short

        def look(part: bytes) -> None:
            if is_cut_short(part):
                client.cut_short.add(collector)

        client.cut_short.discard(collector)
        if isinstance(answer, StreamedAnswer):
            self._count_reply(client, call, answer)
            answer.reply.when_passed(look)
        else:
            look(answer.body)

    async def _take_slot(self, client: GatewayClient) -> None:
        await self._slots.take(client.person)
        if client.over or self._stopping:
            self._slots.give_back(client.person)
            self._refuse(client)

    def _refuse(self, client: GatewayClient) -> None:
        """Say why a wait has ended that had no answer of its own."""
        client.require_alive()
        if self._stopping:
            raise stopping()

    def _outcome(
        self, client: GatewayClient, task: asyncio.Task[Answer], call: ForwardedCall
    ) -> Answer:
        if task.cancelled():
            self._refuse(client)
            raise WaitCancelled("it was given up")
        answer = task.result()
        if isinstance(answer, StreamedAnswer):
            answer.reply.taken = True
        if call.form.replies.says_it_was_cancelled(answer):
            self._refuse(client)
        return answer

    def _on_end(self, client: GatewayClient, task: asyncio.Task[Answer]) -> None:
        """The upstream has let go of it, or we of the upstream."""
        self._slots.give_back(client.person)
        call = client.waits.pop(task)
        self._wanted.discard(call)
        self._hit.discard(call)
        self._is_over(client)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    def _is_over(self, client: GatewayClient) -> None:
        client.polls -= 1
        self._clients.end(client)

    def _give_up(
        self, client: GatewayClient, task: asyncio.Task[Answer], call: ForwardedCall
    ) -> None:
        self._wanted.add(call)
        self._background.begin(self._end(client, task, call), "end a wait")

    async def _end(
        self, client: GatewayClient, task: asyncio.Task[Answer], call: ForwardedCall
    ) -> None:
        """Have the upstream end it, which is its answer; else let it go here."""
        lease = client.pool.home_of(client.session.key) if client.pool is not None else None
        try:
            if lease is not None and call.sent:
                async with asyncio.timeout(_CANCELLING):
                    target = self._translation.target(lease, client, call.request)
                    self._hit.update(_waits_at_the_collector(client, call) - self._wanted)
                    await self._own.cancel_wait(lease, target)
                    await asyncio.wait({task})
        except (UpstreamUnavailable, TimeoutError):
            pass  # the connection ends all the same
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            _drop(task)


def _drop(task: asyncio.Task[Answer]) -> None:
    """Let go of an answer on its way that nobody takes any more."""
    if not task.cancelled() and task.exception() is None:
        answer = task.result()
        if isinstance(answer, StreamedAnswer) and not answer.reply.taken:
            answer.reply.close()


def _waits_at_the_collector(client: GatewayClient, call: ForwardedCall) -> set[ForwardedCall]:
    """The waits of a client at the collector that a call of it is for."""
    name = call.request.target.name
    return {one for one in client.waits.values() if one.request.target.name == name}
