"""Clients of all dialects at once, and a model of which sessions must live and which be over.

Every reply is held against the model. A session between its idle limit counted from when its last
use was sent, and counted from when that was answered, may be either; at all other times exactly one
is right. Whoever acts on a session takes it out of the model for that time.
"""

import asyncio
import json
import random
import re
import ssl
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from urllib.parse import urlsplit

from tools.dialects import (
    ALL,
    APPLIANCE,
    DIRECT,
    VI_JSON,
    VIM,
    Dialect,
    Opened,
    Reply,
    Request,
    Vim,
)

IDLE = 60.0
USERS = 40

# So many ended tokens are kept to be tried again; beyond it a random one makes room.
MOST_ENDED = 20_000


@dataclass(eq=False)
class Held:
    """A session of the model. Its last use was at the server between `sent` and `answered`."""

    dialect: Dialect
    opened: Opened
    sent: float
    answered: float
    how: str = ""
    issued: float = 0.0

    def __post_init__(self) -> None:
        self.issued = self.sent

    def must_live(self, now: float) -> bool:
        """A refresh token runs out by itself; its claims hold whole seconds."""
        lasts = self.opened.lasts
        runs_out = self.issued + lasts - 1 if lasts else now + 1
        return now < min(self.sent + IDLE, runs_out)

    def must_be_over(self, now: float) -> bool:
        return now >= self.answered + IDLE


@dataclass
class Model:
    """Which sessions live, which are left to expire, which are over."""

    live: deque[Held] = field(default_factory=deque)
    left: list[tuple[float, int, Held]] = field(default_factory=list)
    ended: list[Held] = field(default_factory=list)
    in_hand: int = 0
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def end(self, held: Held, how: str) -> None:
        held.how = how
        self.counts[f"ended by {how}"] += 1
        if len(self.ended) < MOST_ENDED:
            self.ended.append(held)
        else:
            self.ended[random.randrange(MOST_ENDED)] = held

    def fault(self, what: str) -> None:
        self.counts["contradictions"] += 1
        if len(self.wrong) < 200:
            self.wrong.append(what)
            print(f"CONTRADICTION {what}", flush=True)

    def expected(self, now: float) -> int:
        """Sessions in the server, give or take those in hand and a sweep."""
        waiting = sum(not held.must_be_over(now) for _, _, held in self.left)
        return len(self.live) + waiting + self.in_hand


class Line:
    """One connection to the server."""

    def __init__(self, url: str, context: ssl.SSLContext, model: Model) -> None:
        where = urlsplit(url)
        self._host, self._port, self._context = where.hostname, where.port, context
        self._model = model
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, kind: str, request: Request) -> Reply:
        """Send it, wait for the reply, note how long that took."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._context)
        reader, writer = self._streams
        began = time.perf_counter()
        writer.write(request.written(f"{self._host}:{self._port}"))
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.I)
            body = await reader.readexactly(int(length[1])) if length else b""
        self._model.times[kind].append((time.perf_counter() - began) * 1e3)
        if re.search(rb"^connection: *close", head, re.I | re.M):
            self.close()
        return Reply(int(head[9:12]), head, body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Visitor:
    """Does one thing after another over one connection, and holds each reply against the model."""

    def __init__(self, model: Model, line: Line, population: int) -> None:
        self._model, self._line, self._population = model, line, population
        self._asked = 0

    async def step(self) -> None:
        """One deed, chosen by what the model needs and by chance."""
        model, now = self._model, time.monotonic()
        if model.left and model.left[0][0] <= now:
            await self._with(heappop(model.left)[2], self._look_again)
            return
        chance = random.random()
        if len(model.live) < 20:
            await self.log_in()
        elif chance < 0.62:
            await self._with(model.live.popleft(), self._check)
        elif chance < 0.76:
            await self._try_ended()
        elif len(model.live) < self._population:
            await (self._clone() if chance < 0.78 else self.log_in())
        else:
            await self._lessen()

    async def _lessen(self) -> None:
        model, chance = self._model, random.random()
        held = self._any_live()
        if chance < 0.15:
            self._leave(held)
        elif chance < 0.30:
            await self._terminate(held)
        elif chance < 0.36:
            await self._with(held, self._log_out_and_try_ticket)
        else:
            await self._with(held, self._log_out)
        model.counts["lessened"] += 1

    async def _with(self, held: Held, deed: Callable[[Held], Awaitable[None]]) -> None:
        self._model.in_hand += 1
        try:
            await deed(held)
        finally:
            self._model.in_hand -= 1

    def _any_live(self) -> Held:
        """One of those used most recently."""
        live = self._model.live
        at = len(live) - 1 - random.randrange(min(len(live), 500))
        held = live[at]
        del live[at]
        return held

    def _leave(self, held: Held) -> None:
        """To be looked at again just before its idle limit, or just after."""
        early = random.random() < 0.3
        at = held.sent + IDLE - 3 if early else held.answered + IDLE + random.random() * 2
        self._asked += 1
        heappush(self._model.left, (at, id(held), held))

    async def log_in(self) -> None:
        dialect = random.choice(ALL)
        user = f"bench{random.randrange(USERS)}"
        sent = time.monotonic()
        reply = await self._line.ask(f"login {dialect.name}", dialect.login(user))
        if dialect.alive(reply) is not True:
            self._model.fault(f"login by {dialect.name}: {reply.status} {reply.body[:200]!r}")
            return
        self._model.counts["logins"] += 1
        opened = dialect.opened(reply)
        self._model.live.append(Held(dialect, opened, sent, time.monotonic()))

    async def _use(self, held: Held) -> bool | None:
        """Use it, as what it is by any dialect that may; whether it lives."""
        dialect = held.dialect if held.dialect is APPLIANCE else random.choice(DIRECT)
        renew = held.opened.fresh_until and time.monotonic() > held.opened.fresh_until
        kind = "refresh" if renew else f"check {dialect.name}"
        sent = time.monotonic()
        if renew:
            reply = await self._line.ask(kind, APPLIANCE.refresh(held.opened))
            alive = APPLIANCE.refreshed(reply)
        else:
            reply = await self._line.ask(kind, dialect.check(held.opened))
            alive = dialect.alive(reply)
        answered = time.monotonic()
        if alive is None:
            self._model.fault(f"{kind}: {reply.status} {reply.body[:200]!r}")
        elif alive and not held.how:
            if held.must_be_over(sent):
                idle = sent - held.answered
                self._model.fault(f"revived: {held.dialect.name}, unused for {idle:.3f} s, {kind}")
            if renew:
                held.opened, held.issued = APPLIANCE.opened(reply), sent
            held.sent, held.answered = sent, answered
        elif not alive and not held.how and held.must_live(answered):
            idle = answered - held.sent
            self._model.fault(f"lost: {held.dialect.name}, unused for {idle:.3f} s, {kind}")
        return alive

    async def _check(self, held: Held) -> None:
        if await self._use(held) is False:
            self._model.end(held, "a limit met by chance")
        else:
            self._model.live.append(held)

    async def _look_again(self, held: Held) -> None:
        if await self._use(held) is False:
            self._model.end(held, "expiry")
        else:
            self._model.counts["used in the last seconds"] += 1
            self._model.live.append(held)

    async def _try_ended(self) -> None:
        if not self._model.ended:
            return
        held = random.choice(self._model.ended)
        if await self._use(held):
            self._model.fault(f"revived: {held.dialect.name}, ended by {held.how}")
        self._model.counts["ended ones tried"] += 1

    async def _log_out(self, held: Held) -> None:
        dialect = held.dialect
        if dialect is not APPLIANCE:
            dialect = random.choice(DIRECT)
        reply = await self._line.ask(f"logout {dialect.name}", dialect.logout(held.opened))
        if not dialect.alive(reply) and held.must_live(time.monotonic()):
            self._model.fault(f"lost: logout by {dialect.name} {reply.status} {reply.body[:200]!r}")
        self._model.end(held, "logout")

    async def _log_out_and_try_ticket(self, held: Held) -> None:
        """A ticket dies with its session."""
        if held.dialect is APPLIANCE:
            await self._log_out(held)
            return
        dialect = random.choice(VIM)
        ticket = await self._ticket(dialect, held)
        await self._log_out(held)
        if ticket:
            await self._refused(dialect, ticket, "its session has ended")

    async def _ticket(self, dialect: Vim, held: Held) -> str:
        sent = time.monotonic()
        reply = await self._line.ask(f"ticket {dialect.name}", dialect.ticket(held.opened))
        if dialect.alive(reply):
            held.sent, held.answered = sent, time.monotonic()
            return dialect.ticket_of(reply)
        if held.must_live(time.monotonic()):
            self._model.fault(f"lost: ticket by {dialect.name} {reply.status} {reply.body[:200]!r}")
        return ""

    async def _refused(self, dialect: Vim, ticket: str, why: str) -> None:
        reply = await self._line.ask(f"clone {dialect.name}", dialect.clone(ticket))
        if not dialect.used_up(reply):
            self._model.fault(f"a ticket opens though {why}: {reply.status} {reply.body[:200]!r}")
        self._model.counts["tickets refused"] += 1

    async def _clone(self) -> None:
        held = self._any_live()
        self._model.live.append(held)
        if held.dialect is APPLIANCE:
            return
        self._model.live.remove(held)
        await self._with(held, self._clone_of)

    async def _clone_of(self, held: Held) -> None:
        dialect = random.choice(VIM)
        ticket = await self._ticket(dialect, held)
        if not ticket:
            self._model.end(held, "a limit met by chance")
            return
        self._model.live.append(held)
        sent = time.monotonic()
        reply = await self._line.ask(f"clone {dialect.name}", dialect.clone(ticket))
        if reply.status != 200:
            self._model.fault(f"clone by {dialect.name}: {reply.status} {reply.body[:200]!r}")
            return
        self._model.counts["clones"] += 1
        opened = dialect.opened(reply)
        self._model.live.append(Held(dialect, opened, sent, time.monotonic()))
        if random.random() < 0.2:
            await self._refused(dialect, ticket, "it was used")

    async def _terminate(self, actor: Held) -> None:
        """One session ends up to three others."""
        model = self._model
        if actor.dialect is APPLIANCE or len(model.live) < 10:
            model.live.append(actor)
            return
        others = [self._any_live() for _ in range(random.randint(1, 3))]
        model.in_hand += 1 + len(others)
        try:
            others = [held for held in others if await self._knows_key(held)]
            dialect, keys = random.choice(VIM), [held.opened.key for held in others]
            sent = time.monotonic()
            reply = await self._line.ask(
                f"terminate {dialect.name}", dialect.terminate(actor.opened, keys)
            )
            if dialect.alive(reply):
                actor.sent, actor.answered = sent, time.monotonic()
                model.live.append(actor)
                for held in others:
                    model.end(held, "termination")
                return
            lasting = min(held.sent for held in (actor, *others)) + IDLE
            if time.monotonic() < lasting:
                model.fault(f"terminate by {dialect.name}: {reply.status} {reply.body[:200]!r}")
            model.live.extend((actor, *others))
        finally:
            model.in_hand -= 1 + len(others)

    async def _knows_key(self, held: Held) -> bool:
        """Ask for its key; a session that ran out meanwhile has none."""
        if held.opened.key:
            return True
        sent = time.monotonic()
        reply = await self._line.ask("current", VI_JSON.current(held.opened))
        said = json.loads(reply.body) if reply.status == 200 else None
        if said:
            held.sent, held.answered = sent, time.monotonic()
            held.opened.key = said["key"]
            return True
        if held.must_live(time.monotonic()):
            self._model.fault(f"lost: currentSession {reply.status} {reply.body[:200]!r}")
        self._model.end(held, "a limit met by chance")
        return False

    async def last_look(self) -> None:
        """Everything that lives must answer, everything that ended must not."""
        model = self._model
        while model.live:
            held = model.live.popleft()
            if await self._use(held) is False:
                model.end(held, "a limit met by chance")
            else:
                model.counts["alive at the end"] += 1
        while model.ended:
            held = model.ended.pop()
            if await self._use(held):
                model.fault(f"revived: {held.dialect.name}, ended by {held.how}, at the end")
            model.counts["over at the end"] += 1
