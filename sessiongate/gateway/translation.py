"""Between a client's view of its session and that of the upstream session that stands for it.

Keys of sessions are exchanged in both directions. In mode `shared` the collector that all clients
of a session share is another for each client, made when it first needs one: a wait at a shared one
would take the news of all others. What a call opens or ends is written into the client's book.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping

import structlog

from sessiongate.errors import (
    Malformed,
    NotSupported,
    OutcomeUnknown,
    UnknownObject,
    UnknownProperty,
)
from sessiongate.gateway.apart import to_the_end
from sessiongate.gateway.book import Book, Thing
from sessiongate.gateway.call import ForwardedCall, LeaseRefused
from sessiongate.gateway.clients import Clients, GatewayClient
from sessiongate.gateway.lease import Lease
from sessiongate.gateway.own_calls import OwnCalls
from sessiongate.rules.relay import Kind, RelayVerdict, State
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.relayed_reply import with_key

SINGLETON = "propertyCollector"
"""The collector that is there without being made."""

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""Stands for the keys of other sessions of ours."""

_MOST_KEYS = 64

_OF_A_WHOLE_SESSION = frozenset({"viewlist", "filter"})
"""Properties, in small letters, of what nobody owns: they show what a whole session has."""

_log = structlog.get_logger(__name__)


class Translation:
    """Rewrites requests and replies of one upstream."""

    def __init__(self, clients: Clients, own: OwnCalls, *, shared: bool) -> None:
        self._clients = clients
        self._own = own
        self._shared = shared
        self._keys: OrderedDict[str, None] = OrderedDict()
        """Of sessions there, those used last: they are no client's business."""

    async def request(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall
    ) -> Mapping[Place, str]:
        """What stands in the place of what, for the upstream of this lease.

        Raises UnknownObject or UnknownProperty where it names what is not the client's.
        """
        request, verdict = call.request, call.verdict
        ours, theirs = client.session.key, lease.session.user.key
        self._keys[theirs] = None
        self._keys.move_to_end(theirs)
        if len(self._keys) > _MOST_KEYS:
            self._keys.popitem(last=False)
        book, changes = client.book, dict[Place, str]()
        for name in request.named:
            self._clients.require_own(client, name)
        for place in request.references:
            text = place.text.replace(f"session[{ours}]", f"session[{theirs}]")
            if not book.has(text):  # told by the name that the client knows
                raise UnknownObject("ManagedObject", place.text)
            changes[place] = text
        for place in request.session_ids:
            if place.text == ours:
                changes[place] = theirs
        for _, path in request.steps:
            if _first(path) in _OF_A_WHOLE_SESSION:
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
        if verdict.state is State.PAGE:
            book.turn_page(request.token, asyncio.get_running_loop().time())
        return changes

    async def _collector(self, lease: Lease, client: GatewayClient) -> str:
        if not client.book.collector:
            await to_the_end(self._make_collector(lease, client))
        return client.book.collector

    async def _make_collector(self, lease: Lease, client: GatewayClient) -> None:
        made = await self._own.make_collector(lease)
        if lease.lost:
            raise LeaseRefused(None)
        if client.book.collector:  # another call of the client was faster
            await self._own.end(lease, "PropertyCollector", made, State.COLLECTOR)
        else:
            self._clients.keep_collector(client, made)

    def reply(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> Answer:
        """The answer as the client may see it; the book is kept by it.

        Raises OutcomeUnknown where it holds what no client may see.
        """
        replies = call.form.replies
        replies.require_whole(answer)
        try:
            self._learn(lease, client, call, answer)
        except Malformed as broken:
            raise OutcomeUnknown(f"its answer cannot be read: {broken}") from None
        body = answer.body
        if not replies.is_plain(answer):
            raise _held_back(call, "what cannot be searched")
        if replies.shows_sessions(body):
            raise _held_back(call, "sessions of the upstream")
        if any(_first(path) in ("", *_OF_A_WHOLE_SESSION) for _, path in call.request.paths):
            body = replies.without_foreign(body, client.book.has)
        if replies.foreign_object(body, client.book.has):
            raise _held_back(call, "objects of other sessions")
        for key in self._keys:
            if key != lease.session.user.key:
                body = with_key(body, key, _NOBODY)
        body = with_key(body, lease.session.user.key, client.session.key)
        kinds = answer.all("content-type")
        return Answer(answer.status, (("content-type", kinds[0]),) if kinds else (), body)

    def target(self, lease: Lease, client: GatewayClient, request: Relayed) -> str:
        """The id at the upstream of what a call is for."""
        name = request.target.name
        if name == SINGLETON and self._shared and client.book.collector:
            return client.book.collector
        return name.replace(client.session.key, lease.session.user.key)

    def _learn(
        self, lease: Lease, client: GatewayClient, call: ForwardedCall, answer: Answer
    ) -> None:
        """Write down what the call has opened or ended."""
        request, verdict, replies = call.request, call.verdict, call.form.replies
        book, target = client.book, self.target(lease, client, request)
        if answer.status >= 400:
            if verdict.ends and replies.fault_name(answer) == "ManagedObjectNotFound":
                self._clients.ended(client, target)
            return
        if verdict.kind is Kind.OPENS and verdict.state is not None:
            made = replies.returned_object(answer)
            if made is not None:
                within = target if verdict.state is State.FILTER and target != SINGLETON else ""
                self._clients.opened(client, made.name, Thing(made.kind, verdict.state, within))
        elif verdict.ends:
            self._clients.ended(client, target)
        if request.pages or verdict.state is State.PAGE:
            token = replies.next_page(answer.body)
            if token:
                book.goes_on(token, asyncio.get_running_loop().time())


def _held_back(call: ForwardedCall, shown: str) -> NotSupported | OutcomeUnknown:
    """What a client gets in the place of a reply; the call has been made all the same."""
    method = call.request.method
    _log.warning("a reply is held back", method=method, shows=shown)
    why = f"{method} shows {shown}"
    return NotSupported(why) if call.verdict.reads else OutcomeUnknown(why)


def _first(path: str) -> str:
    """The property that a path begins with, as a reader that ignores case has it."""
    return re.split(r"[.\[]", path, maxsplit=1)[0].casefold()


def _is_own(
    book: Book, changes: Mapping[Place, str], request: Relayed, verdict: RelayVerdict
) -> bool:
    """Whether what a call uses was opened by the same client."""
    uses = verdict.kind in (Kind.USES, Kind.WAITS)
    return not uses or book.has(changes.get(request.this, request.target.name))
