"""Sends files and consoles on as they come, both ways, each by a lease or by its own ticket.

A transfer takes a lease for as long as it lasts, and no place of a call: so a slow one holds up
nobody's calls. How many there are at once has a bound of its own. One that has begun to go out is
never sent a second time.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing, suppress

import msgspec
import structlog

from sessiongate.errors import (
    Malformed,
    NoPermission,
    NoSession,
    NotSupported,
    OutcomeUnknown,
    Unavailable,
)
from sessiongate.gateway.calls.call import CallRecord
from sessiongate.gateway.calls.checkouts import Checkout
from sessiongate.gateway.calls.poll_slots import PollSlots
from sessiongate.gateway.calls.stranger_slots import CountedBody, StrangerSlots
from sessiongate.gateway.leases.lease import Lease
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.tokens_in_use import TokenShown, TokensInUse
from sessiongate.gateway.relay_rules import USE, RelayRules
from sessiongate.rules import byte_ranges
from sessiongate.rules.relay_rest import is_below
from sessiongate.rules.transfers import READING, Family, leads_to, reply_headers
from sessiongate.session import Person, Session
from sessiongate.upstream.connection import IncomingReply
from sessiongate.upstream.exchange import Exchange, OutgoingBody
from sessiongate.wire.http import Ask, Headers
from sessiongate.wire.vim.client import session_cookie

# What those without a session may have of the slots: the ticket is the upstream's to judge.
_SHARE_OF_STRANGERS = 4

_TOUCH = 60.0
"""Seconds between two uses of a session whose transfer goes on."""

_MOST_LOGGED_HOSTS = 16
"""Hosts that the log is told of: the upstream chooses how many there are."""

_OVER = "the session at the upstream has ended"

# What something in front of the upstream says when it has lost sight of it.
_GATEWAY_ERRORS = frozenset({502, 503, 504})

_log = structlog.get_logger(__name__)


class TransferRequest(msgspec.Struct, frozen=True):
    """What a client wants of an upstream: `target` is path and query, as it sent them."""

    family: Family
    method: str
    target: str
    headers: Headers
    upload: OutgoingBody | None
    address: str
    """Whose it is where there is no session."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in READING

    @property
    def name(self) -> str:
        """What logs, metrics and audit call it. The rest of its address may be a secret."""
        return f"{self.method} of {self.family.name}"


class Transfers:
    """Those of one upstream."""

    def __init__(
        self,
        rules: RelayRules,
        exchange: Exchange,
        take: Callable[[Session], Awaitable[Checkout]],
        give_back: Callable[[Checkout], None],
        probe: Callable[[Pool, Lease], Awaitable[None]],
        is_paused: Callable[[], bool],
        record: CallRecord,
        touch: Callable[[Session], Awaitable[object]],
        tokens: TokensInUse,
    ) -> None:
        """`take` finds a lease for a session, to be given back. `probe` sees whether it is alive,
        and to what follows. `touch` uses a session. `tokens` are what no client is shown.
        """
        self._rules = rules
        self._exchange = exchange
        self._take = take
        self._give_back = give_back
        self._probe = probe
        self._is_paused = is_paused
        self._record = record
        self._touch = touch
        self._tokens = tokens
        self._touch_at = 0.0
        self._slots = PollSlots(rules.transfers, rules.queue_time)
        strangers = max(1, rules.transfers // _SHARE_OF_STRANGERS)
        self._strangers = StrangerSlots(strangers, rules.queue_time)
        self._under_way: dict[Transfer, None] = {}
        self._logged_hosts: set[str] = set()
        self._touching: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """How many there are."""
        return len(self._under_way)

    async def begin(
        self,
        session: Session | None,
        wanted: TransferRequest,
        when_gone: Callable[[Callable[[], None]], None],
    ) -> "Transfer":
        """The head of the upstream's reply; its body is taken from what is returned.

        Whoever gets it closes it. Raises what is refused, and OutcomeUnknown where what changes
        something may have been carried out.
        """
        transfer = Transfer(session, wanted, self._record, self._tokens)
        self._under_way[transfer] = None
        transfer.held.callback(self._under_way.pop, transfer, None)
        try:
            self._check(session, wanted)
            await self._take_slot(transfer)
            if wanted.reads:  # what changes something is seen to its end
                when_gone(transfer.end)
            await self._open(transfer)
        except BaseException as error:  # also that the client has gone is written down
            transfer.fail(error)
            raise
        return transfer

    def session_ended(self, key: str) -> None:
        """The session of this key has ended: so have its transfers."""
        for transfer in list(self._under_way):
            if transfer.session is not None and transfer.session.key == key:
                transfer.end()

    def close(self) -> None:
        """End all of them: the server is about to stop."""
        for transfer in list(self._under_way):
            transfer.end()

    def tidy(self, now: float) -> None:
        """A transfer is use of its session for as long as it lasts. To be called once a second."""
        self._strangers.tidy(now)
        if now < self._touch_at:
            return
        self._touch_at = now + _TOUCH
        sessions = {one.session.key: one.session for one in self._under_way if one.session}
        for session in sessions.values():
            task = asyncio.create_task(self._touch_session(session), name="touch a session")
            self._touching.add(task)
            task.add_done_callback(self._touching.discard)

    def _check(self, session: Session | None, wanted: TransferRequest) -> None:
        if is_below(wanted.target.partition("?")[0], self._rules.denied):
            raise NotSupported("this address is not forwarded")
        if session is not None:
            self._rules.require_use(session, reads=wanted.reads)
            return
        if not wanted.family.by_ticket:
            raise NoSession("no session, or one that has ended")
        if not wanted.reads:
            self._rules.require_changes()
        if self._is_paused():
            raise Standing.PAUSED.refusal()

    async def _take_slot(self, transfer: "Transfer") -> None:
        session = transfer.session
        if session is None:
            await self._strangers.take(transfer, transfer.wanted.address)
            transfer.held.callback(self._strangers.give_back, transfer, transfer.wanted.address)
            return
        person = Person(session.provider, session.principal)
        await self._slots.take(person)
        transfer.held.callback(self._slots.give_back, person)

    async def _open(self, transfer: "Transfer") -> None:
        """Send it, and have the head of the reply. A read is sent again where that failed."""
        try:
            if await self._once(transfer):
                return
        except OutcomeUnknown:
            if not transfer.wanted.reads:
                raise
        else:
            if not transfer.wanted.reads:
                raise NoSession(_OVER)
        if not await self._once(transfer):
            raise NoSession(_OVER)

    async def _once(self, transfer: "Transfer") -> bool:
        """The same, once. False where the lease's session has turned out to be over."""
        wanted, session = transfer.wanted, transfer.session
        with ExitStack() as held:
            pool = lease = None
            if session is not None:
                checkout = await self._take(session)
                held.callback(self._give_back, checkout)
                pool, lease = checkout.pool, checkout.lease
                transfer.lease = lease.id
            reply = await self._send(transfer, lease)
            held.callback(reply.close)
            if reply.status in _GATEWAY_ERRORS and not wanted.reads:
                raise OutcomeUnknown(f"status {reply.status} of something in front of it")
            if reply.status != 401 or pool is None or lease is None:
                self._start_reply(transfer, reply)
                transfer.held.push(held.pop_all())
                return True
        await self._probe(pool, lease)
        if not lease.lost:
            raise NoPermission(USE, "the upstream has answered 401 by a session that lives")
        return False

    def _client_headers(self, reply: IncomingReply) -> Headers:
        """What of its head the client gets. Raises NotSupported where it would lead astray."""
        rules = self._rules
        headers = reply_headers(
            reply.headers, self._exchange.url, rules.hosts, leaves=rules.service_tickets
        )
        lost = [value for name, value in reply.headers if name == "location"]
        if 300 <= reply.status < 400 and lost and "location" not in dict(headers):
            host = leads_to(lost[0])
            if host not in self._logged_hosts and len(self._logged_hosts) < _MOST_LOGGED_HOSTS:
                self._logged_hosts.add(host)
                _log.warning(
                    "a file is said to be at another host, and the client is not sent there",
                    upstream=rules.upstream,
                    host=host,
                    way_out=f"upstream.{rules.upstream}.forward.service_tickets lets clients go"
                    " to the files of hosts; hosts of an upstream are always gone to",
                )
            raise NotSupported("the upstream points to another server, which is not passed on")
        return headers

    def _start_reply(self, transfer: "Transfer", reply: IncomingReply) -> None:
        """The head has come, and may go on. Raises where it may not."""
        headers = transfer.cut(reply, self._client_headers(reply))
        try:
            self._tokens.require_none_in([value for _, value in headers])
        except TokenShown:
            why = _log_held_back(transfer.wanted)
            raise (NotSupported if transfer.wanted.reads else OutcomeUnknown)(why) from None
        transfer.begin_body(reply, headers, self._gap)

    async def _send(self, transfer: "Transfer", lease: Lease | None) -> IncomingReply:
        wanted, within = transfer.wanted, self._rules.timeout
        cookies = () if lease is None else (session_cookie(lease.session.token),)
        # A part comes with what stands around it: nothing is had in two halves of it.
        headers, transfer.range = byte_ranges.ask_widened(
            wanted.headers, self._tokens.longest - 1, cuts=wanted.method == "GET"
        )
        ask = Ask(wanted.target, (*headers, *cookies), b"", wanted.method)
        transfer.sent = True
        if wanted.upload is None:
            return await self._exchange.open(ask, within=within)
        upload = CountedBody(wanted.upload, transfer)
        return await self._exchange.send(ask, upload, within=within, gap=within)

    @property
    def _gap(self) -> float:
        return self._rules.timeout.total_seconds()

    async def _touch_session(self, session: Session) -> None:
        with suppress(Unavailable):
            await self._touch(session)


class Transfer:
    """One of them. Once its reply has begun, the reply's body."""

    def __init__(
        self,
        session: Session | None,
        wanted: TransferRequest,
        record: CallRecord,
        tokens: TokensInUse,
    ) -> None:
        self.session = session
        self.wanted = wanted
        self.lease = ""
        """Our id of the session that it goes by; "" for none."""
        self.sent = False
        """Whether the upstream can have had it."""
        self.held = ExitStack()
        """What is given back when it is over."""
        self.headers: Headers = ()
        self.moved = 0
        """Bytes of both bodies that have gone through."""
        self._record = record
        self._tokens = tokens
        self._task = asyncio.current_task()
        self._reply: IncomingReply | None = None
        self._gap = 0.0
        self.range: byte_ranges.WantedRange | None = None
        """What the client wants of the file, which comes with what stands around it; None: all."""
        self._cut: tuple[byte_ranges.RangeCut, byte_ranges.FilePart] | None = None
        self._result = ""
        """What became of the body, once that is known."""

    @property
    def status(self) -> int:
        """Of the reply."""
        if self._cut is not None and not self._cut[1].length:
            return 416
        return self._reply.status if self._reply is not None else 0

    @property
    def length(self) -> int | None:
        """Bytes of the body, where the upstream has said so."""
        if self._cut is not None:
            return self._cut[1].length
        return self._reply.length if self._reply is not None else None

    def cut(self, reply: IncomingReply, headers: Headers) -> Headers:
        """The headers of a reply that may be a part of a file, as that goes on to the client.

        Raises OutcomeUnknown for a part that is not the one that was asked for.
        """
        if reply.status != 206:
            return headers
        try:
            part = byte_ranges.read_content_range(headers)
            if self.range is None:
                raise Malformed("a part of a file that nobody has asked for")
            found = self.range.of(part)
        except Malformed as wrong:
            raise OutcomeUnknown(str(wrong)) from None
        self._cut = byte_ranges.RangeCut(part, found), found
        kept = tuple(one for one in headers if one[0] != "content-range")
        return (*kept, ("content-range", found.content_range))

    def begin_body(self, reply: IncomingReply, headers: Headers, gap: float) -> None:
        """The head has come."""
        self._reply, self.headers, self._gap = reply, headers, gap

    def end(self) -> None:
        """Break it off, wherever it is: also where it waits for a client that does not read."""
        if self._reply is not None:
            self._result = self._result or "unknown"
        if self._task is not None:
            self._task.cancel()

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body. Raises OutcomeUnknown where it breaks, or shows what no client may see."""
        assert self._reply is not None  # noqa: S101  it has a head
        try:
            async with aclosing(self._tokens.passed(self._reply.pieces(self._gap))) as pieces:
                async for piece in pieces:
                    self.moved += len(piece)
                    part = piece if self._cut is None else self._cut[0].of(piece)
                    if part:
                        yield part
        except TokenShown:
            if self._cut is None or not self._cut[0].done:  # else it is behind what is wanted
                self._result = "refused"
                raise OutcomeUnknown(_log_held_back(self.wanted)) from None
        except OutcomeUnknown:
            self._result = "unknown"
            raise
        self._result = "ok"

    def close(self) -> None:
        """Take no more of it, and give back what it has taken."""
        bare = self.wanted.method == "HEAD" or self.status in (204, 304)
        result = self._result or ("ok" if bare else "gone")
        if result == "ok" and self.status >= 400:
            result = "fault"
        self._record.transferred(self.session, self.wanted.name, result, self._changes_by)
        self.held.close()

    def fail(self, error: BaseException) -> None:
        """It has come to nothing."""
        self._record.not_transferred(self.session, self.wanted.name, error, self._changes_by)
        self.held.close()

    @property
    def _changes_by(self) -> str | None:
        """By which lease it may have changed something. None: it has not."""
        return self.lease if self.sent and not self.wanted.reads else None


def _log_held_back(wanted: TransferRequest) -> str:
    """Why a client does not get a reply, or the rest of it."""
    shown = "a session of the upstream"
    _log.warning("a reply is held back", method=wanted.name, shows=shown)
    return f"{wanted.name} shows {shown}"
