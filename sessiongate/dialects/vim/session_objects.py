"""What clients make for their session: views, filters and collectors, and the waits for updates.

They are of one session, are found by nobody else, and go when it ends. They live in this process
only: with several, a client finds what it made as long as it keeps its connection. All is bounded,
for each session and in all. A wait is the task of its own request and nothing more: it ends with
the session, with the client's connection, and before the server stops.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

import msgspec

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire.vim.methods import OBJECTS, PROPERTY_COLLECTOR, made_id
from sessiongate.wire.vim.types import Data, MoRef

# Of one session. Real clients have up to a few dozen, of 1 to 3 kB each.
MOST = 100
MOST_BYTES = 256 * 1024
MOST_WAITS = 32

# Of all together. What is kept of a request takes about ten times the bytes that it had.
MOST_OF_ALL = 10_000
MOST_BYTES_OF_ALL = 8 * 1024 * 1024
MOST_WAITS_OF_ALL = 1_000

# Sessions that are asked in one round whether they are still there.
_ASKED_AT_ONCE = 50

_ID_BYTES = 16


class Woken(Enum):
    """Why a wait is over."""

    CHANGED = "there is something to tell"
    CANCELLED = "its client cancelled it, or destroyed what it waited on"
    ENDED = "the session has ended"
    LEFT = "nobody waits any more: the client has gone, or the server stops"
    LATE = "the time is up"


class Made:
    """An object that a client made."""

    size = 0
    """Bytes of the request that made it, or of what it was changed to."""


class View(Made):
    """A view. `objects` are those in it."""

    def __init__(self, objects: list[MoRef], asked: Data | None = None) -> None:
        self.objects = objects
        self.asked = asked
        """Of a container view what it was made with: container, type, recursive."""


class Filter(Made):
    """A filter of a collector."""

    def __init__(self, spec: Data, *, partial: bool, of: "Collector") -> None:
        self.spec = spec
        self.partial = partial
        self.of = of
        self.told = False
        """Whether its objects were told of."""


class Collector(Made):
    """A property collector with its filters and waits."""

    def __init__(self) -> None:
        self.filters: dict[MoRef, Filter] = {}
        self.version = 0
        self.waits: set[asyncio.Future[Woken]] = set()

    def wake(self, why: Woken) -> None:
        """Let its waits go on."""
        for wait in self.waits:
            if not wait.done():
                wait.set_result(why)


class _Held(msgspec.Struct):
    """All of one session."""

    digest: bytes
    made: dict[str, Made]
    collector: Collector
    """The one that every session has without making it."""
    size: int = 0
    waits: int = 0

    @property
    def idle(self) -> bool:
        return not self.made and not self.waits and not self.collector.version


class SessionObjects:
    """The objects of all sessions that this process serves."""

    def __init__(
        self, sessions: Sessions, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._sessions = sessions
        self._random = random
        self._held: dict[str, _Held] = {}
        self._count = 0
        self._size = 0
        self._waits = 0
        self._closed = False
        sessions.on_end(self._ended)

    def __len__(self) -> int:
        return self._count

    @property
    def waits(self) -> int:
        """How many requests wait for updates."""
        return self._waits

    def add(self, context: Context, kind: str, made: Made) -> MoRef:
        """Keep an object for the caller's session. Raises Malformed or Overloaded where full."""
        caller = context.known_caller
        held = self._of(caller)
        if len(held.made) >= MOST or held.size + context.size > MOST_BYTES:
            self._drop_if_idle(caller.key)
            raise errors.Malformed(
                f"a session has at most {MOST} views, filters and collectors,"
                f" made with {MOST_BYTES} bytes"
            )
        if self._count >= MOST_OF_ALL or self._size + context.size > MOST_BYTES_OF_ALL:
            self._drop_if_idle(caller.key)
            raise errors.Overloaded("too many views, filters and collectors of all sessions")
        target = MoRef(kind, made_id(kind, caller.key, self._random(_ID_BYTES)))
        made.size = context.size
        held.made[target.name] = made
        held.size += made.size
        self._count += 1
        self._size += made.size
        return target

    def recharge(self, context: Context, made: Made, size: int) -> None:
        """Count what an object of the caller's session has become. Raises as `add` does."""
        held = self._held[context.known_caller.key]
        more = size - made.size
        if more > 0 and held.size + more > MOST_BYTES:
            raise errors.Malformed(f"what a session has made is at most {MOST_BYTES} bytes")
        if more > 0 and self._size + more > MOST_BYTES_OF_ALL:
            raise errors.Overloaded("too many views, filters and collectors of all sessions")
        made.size = size
        held.size += more
        self._size += more

    def find(self, context: Context, target: MoRef) -> Made:
        """An object of the caller's session. Raises NoSession or UnknownObject."""
        held = self._held.get(context.known_caller.key)
        made = held.made.get(target.name) if held is not None else None
        if made is None:
            raise errors.UnknownObject(target.kind, target.name)
        return made

    def check(self, context: Context, target: MoRef) -> None:
        """Raise as `find` does where an object that a client makes is not the caller's."""
        if OBJECTS.get(target.kind) != target:
            self.find(context, target)

    def remove(self, context: Context, target: MoRef) -> None:
        """Forget an object of the caller's session. Raises as `find` does."""
        made = self.find(context, target)
        key = context.known_caller.key
        held = self._held[key]
        del held.made[target.name]
        held.size -= made.size
        self._count -= 1
        self._size -= made.size
        self._drop_if_idle(key)

    def of_kind(self, context: Context, *kinds: str) -> list[MoRef]:
        """The caller's objects of some types, in the order in which they were made."""
        held = self._held.get(context.known_caller.key)
        names = held.made if held is not None else ()
        targets = [MoRef(name.partition("]")[2].partition("-")[0], name) for name in names]
        return [one for one in targets if one.kind in kinds]

    def collector(self, context: Context) -> Collector:
        """The collector that is called: the session's own or one it made. Raises as `find`."""
        if context.target == PROPERTY_COLLECTOR:
            return self._of(context.known_caller).collector
        made = self.find(context, context.target)
        if not isinstance(made, Collector):
            raise errors.UnknownObject(context.target.kind, context.target.name)
        return made

    async def wait(self, context: Context, collector: Collector, seconds: float) -> Woken:
        """Wait until the collector has something to tell, at most so long, and say why it is over.

        Raises Malformed or Overloaded where too many wait.
        """
        if self._closed:
            return Woken.LEFT
        held = self._of(context.known_caller)
        if held.waits >= MOST_WAITS:
            raise errors.Malformed(f"a session waits at most {MOST_WAITS} times at once")
        if self._waits >= MOST_WAITS_OF_ALL:
            raise errors.Overloaded("too many waits of all sessions")
        with self._waiting(context, held, collector) as wait:
            try:
                async with asyncio.timeout(seconds):
                    return await wait
            except TimeoutError:
                return Woken.LATE

    @contextmanager
    def _waiting(
        self, context: Context, held: _Held, collector: Collector
    ) -> Iterator[asyncio.Future[Woken]]:
        wait: asyncio.Future[Woken] = asyncio.get_running_loop().create_future()

        def leave() -> None:
            if not wait.done():
                wait.set_result(Woken.LEFT)

        collector.waits.add(wait)
        held.waits += 1
        self._waits += 1
        context.when_gone(leave)
        try:
            yield wait
        finally:
            collector.waits.discard(wait)
            held.waits -= 1
            self._waits -= 1
            self._drop_if_idle(context.known_caller.key)

    async def sweep(self) -> None:
        """Ask of some sessions whether they are still there. Call it about once a second.

        Those that this process ends are known at once; this is for the others.
        """
        for key in list(self._held)[:_ASKED_AT_ONCE]:
            held = self._held.pop(key, None)
            if held is None:
                continue
            self._held[key] = held  # behind all others
            if not await self._sessions.lives(held.digest):
                self._over(key)

    def close(self) -> None:
        """End all waits: the server stops."""
        self._closed = True
        for held in self._held.values():
            _wake_all(held, Woken.LEFT)

    def _of(self, caller: Session) -> _Held:
        held = self._held.get(caller.key)
        if held is None:
            held = self._held[caller.key] = _Held(caller.digest, {}, Collector())
        return held

    def _ended(self, session: Session, reason: Ended) -> None:
        self._over(session.key)

    def _over(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._count -= len(held.made)
            self._size -= held.size
            _wake_all(held, Woken.ENDED)

    def _drop_if_idle(self, key: str) -> None:
        held = self._held.get(key)
        if held is not None and held.idle:
            del self._held[key]


def _wake_all(held: _Held, why: Woken) -> None:
    held.collector.wake(why)
    for made in held.made.values():
        if isinstance(made, Collector):
            made.wake(why)
