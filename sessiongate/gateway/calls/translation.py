"""Between a client's view of its session and that of the upstream session that stands for it.

Keys of sessions are exchanged in both directions. In mode `shared` the collector that all clients
of a session share is another for each client, made when it first needs one: a wait at a shared one
would take the news of all others. What a call opens or ends is written into the client's book.
"""

from collections.abc import Mapping

from sessiongate.errors import (
    Malformed,
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Unavailable,
    UnknownObject,
    UnknownProperty,
)
from sessiongate.gateway.background import run_to_completion
from sessiongate.gateway.calls.book import PAGE_LIFE, too_many
from sessiongate.gateway.calls.call import (
    OF_A_WHOLE_SESSION,
    ForwardedCall,
    LeaseRefused,
    first_of,
)
from sessiongate.gateway.calls.checkouts import Checkout, Checkouts
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.gateway.calls.large_replies import ENOUGH, StreamedAnswer, begin_large_reply
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.tokens_in_use import TokenShown, TokensInUse
from sessiongate.rules.relay import Kind, RelayVerdict, State
from sessiongate.store.gateway_port import Book, Changes, Thing
from sessiongate.upstream.exchange import LargeAnswer
from sessiongate.wire.http import Answer, Headers
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.relayed_reply import goes_on_plainly

SINGLETON = "propertyCollector"
"""The collector that is there without being made."""

_SOAP = WireForm.SOAP

_HIDDEN = "what cannot be searched"
_OURS = "a session of the upstream"


class Translation:
    """Rewrites requests and replies of one upstream."""

    def __init__(
        self, checkouts: Checkouts, own: OwnCalls, tokens: TokensInUse, gap: float, *, shared: bool
    ) -> None:
        """`gap` is how many seconds a large reply may make no headway."""
        self._checkouts = checkouts
        self._own = own
        self._shared = shared
        self._tokens = tokens
        self._gap = gap

    def passes_unchanged(self, call: ForwardedCall) -> bool:
        """Whether a call names nothing that is to be looked at or rewritten: `request` has nothing
        to say of it.
        """
        request = call.request
        return not (
            request.references
            or request.session_ids
            or request.steps
            or call.facts.uses
            or request.target.name == SINGLETON
        )

    async def request(
        self, checkout: Checkout, client: GatewayClient, call: ForwardedCall
    ) -> Mapping[Place, str]:
        """What stands in the place of what, for the upstream of this checkout's lease.

        Raises UnknownObject or UnknownProperty where it names what is not the client's.
        """
        lease = checkout.lease
        request, verdict = call.request, call.verdict
        ours, theirs = client.session.key, lease.session.user.key
        book, changes = client.book, dict[Place, str]()
        for place in request.references:
            text = place.text.replace(f"session[{ours}]", f"session[{theirs}]")
            if not book.has(text):  # told by the name that the client knows
                raise UnknownObject("ManagedObject", place.text)
            changes[place] = text
        for place in request.session_ids:
            if place.text == ours:
                changes[place] = theirs
        for _, path in request.steps:
            if first_of(path) in OF_A_WHOLE_SESSION:
                raise UnknownProperty(path)
        if request.target.name == SINGLETON:
            if self._shared and verdict.state is State.FILTER:
                changes[request.this] = await self._collector(lease, client)
            elif self._shared and verdict.state is State.COLLECTOR and verdict.ends:
                if not book.collector:
                    raise NotSupported("the collector of all clients is not one client's to end")
                changes[request.this] = book.collector
        elif not _is_own(book, changes, request, verdict):
            raise UnknownObject(request.target.kind, request.target.name)
        if verdict.state is State.PAGE and not await self._checkouts.use_page(
            checkout, request.token
        ):
            raise UnknownProperty("token")
        return changes

    async def _collector(self, lease: Lease, client: GatewayClient) -> str:
        if not client.book.collector:
            await run_to_completion(self._make_collector(lease, client))
        client.require_alive()
        if not client.book.collector:
            raise NoSession("the session has ended")
        return client.book.collector

    async def _make_collector(self, lease: Lease, client: GatewayClient) -> None:
        made = await self._own.make_collector(lease)
        if lease.lost:
            raise LeaseRefused(None)
        kept = False
        try:
            noted = await self._checkouts.note(client, lease, Changes(collector=made))
            kept = noted and client.book.collector == made
        finally:
            if not kept:  # another call of the client was faster, or it is over
                await self._own.end(lease, "PropertyCollector", made, State.COLLECTOR)

    def is_refusal(self, lease: Lease, call: ForwardedCall, answer: Answer) -> bool:
        """Whether it says that the lease is over. Raises where nobody can know what it stands for.

        Neither is ever said by a status of 200.
        """
        if answer.status != 200:
            replies = call.form.replies
            if not replies.is_from_the_service(answer):
                raise OutcomeUnknown(f"status {answer.status} of something in front of it")
            if replies.says_session_is_over(answer):
                return True
        if lease.lost and call.leaves_something and answer.status < 400:
            if call.verdict.reads:
                raise LeaseRefused(None)
            raise OutcomeUnknown("what it has begun has ended with the session at the upstream")
        return False

    def reply(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> Answer:
        """The answer as the client may see it.

        Raises OutcomeUnknown where it holds what no client may see.
        """
        replies = call.form.replies
        typed = replies.ordinary_type(answer)
        if typed is None:
            replies.require_whole(answer)
            if not replies.is_plain(answer):
                raise call.reply_held_back(_HIDDEN)
        body = answer.body
        if call.shows_whole_sessions:
            body = replies.without_foreign(body, client.book.has)
        body = self._clean(lease, client, call, body)
        if typed is not None and len(typed[1]) < self._tokens.shortest:
            return Answer(answer.status, (typed,), body)
        return Answer(answer.status, self._head(call, answer), body)

    async def large_reply(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: LargeAnswer
    ) -> Answer:
        """An answer that goes on as it comes. Raises as `reply` does, for what has come of it."""

        def first(part: bytes) -> bytes:
            beginning = Answer(answer.status, answer.headers, part)
            call.form.replies.require_whole(beginning)
            if not call.form.replies.is_plain(beginning):
                raise call.reply_held_back(_HIDDEN)
            return self._clean(lease, client, call, part)

        def further(part: bytes) -> bytes:
            client.require_alive()
            if not goes_on_plainly(part):
                raise call.reply_held_back(_HIDDEN)
            return self._clean(lease, client, call, part)

        reply = await begin_large_reply(answer, first, further, self._gap)
        return StreamedAnswer(answer.status, self._head(call, answer), b"", reply)

    def _head(self, call: ForwardedCall, answer: Answer) -> Headers:
        for name, kind in answer.headers:
            if name == "content-type":
                try:
                    self._tokens.require_none_in((kind,))
                except TokenShown:
                    raise call.reply_held_back(_OURS) from None
                return ((name, kind),)
        return ()

    def _clean(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, body: bytes
    ) -> bytes:
        """A body, or a part of one, as the client may see it."""
        replies = call.form.replies
        if replies.shows_sessions(body):
            raise call.reply_held_back("sessions of the upstream")
        if replies.foreign_object(body, client.book.has):
            raise call.reply_held_back("objects of other sessions")
        try:
            return self._tokens.cleaned(body, lease.session.user.key, client.session.key)
        except TokenShown:
            raise call.reply_held_back(_OURS) from None

    def target(self, lease: Lease, client: GatewayClient, request: Relayed) -> str:
        """The id at the upstream of what a call is for."""
        name = request.target.name
        if name == SINGLETON and self._shared and client.book.collector:
            return client.book.collector
        return name.replace(client.session.key, lease.session.user.key)

    async def learn(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> None:
        """Write down what the call has opened or ended.

        Raises OutcomeUnknown where that cannot be, and NoSession where the session has ended
        meanwhile; what the call has opened is ended then.
        """
        try:
            changes = self._changes(lease, client, call, answer)
        except Malformed as broken:
            raise OutcomeUnknown(f"its answer cannot be read: {broken}") from None
        if changes == Changes():
            return
        try:
            if await self._checkouts.note(client, lease, changes):
                return
        except Unavailable as error:
            raise OutcomeUnknown(str(error)) from None
        for name, thing in changes.opened:
            if not await self._own.end(lease, thing.kind, name, thing.state):
                raise OutcomeUnknown(f"{thing.kind} is left there")
        if changes.opened or changes.page:
            raise NoSession("the session has ended")

    def _changes(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> Changes:
        request, verdict, replies = call.request, call.verdict, call.form.replies
        book, target = client.book, self.target(lease, client, request)
        if answer.status >= 400:
            gone = verdict.ends and replies.fault_name(answer) == "ManagedObjectNotFound"
            return Changes(book.ending(target) if gone else ())
        ended: tuple[str, ...] = ()
        opened: tuple[tuple[str, Thing], ...] = ()
        page = None
        if verdict.kind is Kind.OPENS and verdict.state is not None:
            made = replies.returned_object(answer)
            if made is not None:
                within = target if verdict.state is State.FILTER and target != SINGLETON else ""
                opened = ((made.name, Thing(made.kind, verdict.state, within)),)
        elif verdict.ends:
            ended = book.ending(target)
        if request.pages or verdict.state is State.PAGE:
            token = replies.next_page(answer.body)
            if token:
                ended = (*ended, *too_many(book))
                page = token, self._checkouts.now() + PAGE_LIFE
        return Changes(ended, opened, page=page)


def enough_of(call: ForwardedCall) -> int | None:
    """How much of the answer is to be in memory before it goes on; None: all of it.

    All of it where it has to be rewritten, or tells what the call has left at the upstream.
    """
    whole = (
        call.opens
        or call.request.form is not _SOAP
        or call.facts.hands_out_files
        or call.shows_whole_sessions
    )
    return None if whole else ENOUGH


def _is_own(
    book: Book, changes: Mapping[Place, str], request: Relayed, verdict: RelayVerdict
) -> bool:
    """Whether what a call uses was opened by the same client."""
    uses = verdict.kind in (Kind.USES, Kind.WAITS)
    return not uses or book.has(changes.get(request.this, request.target.name))
